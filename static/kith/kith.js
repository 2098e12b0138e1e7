// What the admin's pages need beyond htmx and Alpine; no inline scripts, as the content security policy forbids them.
"use strict";

document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm;
  if (question && !window.confirm(question)) {
    event.preventDefault();
  }
});

document.addEventListener("change", (event) => {
  const box = event.target.closest("[data-select-page]");
  if (!box) {
    return;
  }
  for (const other of box.form.querySelectorAll("input[name=selected]")) {
    other.checked = box.checked;
  }
});
