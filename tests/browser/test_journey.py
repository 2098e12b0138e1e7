"""A person's way through Kith in a real browser, with nothing on the console and no policy broken."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect, sync_playwright

from config.jobs.draining import drain
from contacts.models import CommunicationEvent, Contact
from tests.admin.rows import make_member
from tests.factories import draw_image

CHROMIUM = Path(os.environ.get("KITH_CHROMIUM", "/usr/bin/chromium"))
PHONE = {"width": 390, "height": 844}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing; KITH_CHROMIUM may name another"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Playwright runs an event loop in this thread, and Django takes any for asynchronous code that must not wait.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
            yield browser
            browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the console said: errors, warnings, broken policies, failed scripts."""
    return []


@pytest.fixture
def page(browser: Browser, live_server: Any, complaints: list[str]) -> Iterator[Page]:
    context = browser.new_context(base_url=live_server.url)
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"{request.url}: {request.failure}"))
    page.on("request", lambda request: _must_be_ours(request.url, live_server.url, complaints))
    yield page
    context.close()


def _must_be_ours(url: str, server: str, complaints: list[str]) -> None:
    if not url.startswith((server, "data:")):
        complaints.append(f"A request to a stranger: {url}")


@pytest.fixture
def member(live_server: Any) -> User:
    return make_member("carol")


def sign_in(page: Page) -> None:
    page.goto("/admin/")
    page.get_by_label("Username").fill("carol")
    page.get_by_label("Password").fill("password")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Things to do")).to_be_visible()


def cards(folder: Path) -> Path:
    """Write three cards, the first with a picture."""
    photo = base64.b64encode(draw_image("JPEG", size=(500, 400))).decode()
    names = ["Ada Example", "Grace Example", "Max Example"]
    text = "".join(
        f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{name}\r\nEMAIL:{name.split()[0].lower()}@example.com\r\n"
        + (f"PHOTO;ENCODING=b;TYPE=JPEG:{photo}\r\n" if name == names[0] else "")
        + "END:VCARD\r\n"
        for name in names
    )
    path = folder / "people.vcf"
    path.write_text(text)
    return path


def test_from_a_file_to_people_with_pictures_and_a_note(
    page: Page, member: User, tmp_path: Path, complaints: list[str]
) -> None:
    sign_in(page)
    page.get_by_role("link", name="Import a file").first.click()
    page.get_by_label("File", exact=True).set_input_files(cards(tmp_path))
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_text("Waiting", exact=True)).to_be_visible()

    drain("imports", seconds=None)
    expect(page.get_by_text("Ready for review")).to_be_visible(timeout=10_000)  # the page follows by itself
    page.reload()
    page.get_by_role("link", name="Look at the rows").click()
    with page.expect_response(lambda response: response.request.method == "POST") as saved:
        page.get_by_label("Import row 3").uncheck()
    assert saved.value.status == 204
    page.get_by_role("link", name="Done looking").click()
    page.get_by_role("button", name="Import the selected rows").click()
    drain("imports", seconds=None)
    expect(page.locator("#progress").get_by_text("Completed", exact=True)).to_be_visible(timeout=10_000)
    drain("photos", seconds=None)

    page.locator("#nav-sidebar-apps").get_by_role("link", name="Contacts").click()
    rows = page.locator("#result_list .data-row")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="Grace Example").locator("svg.kith-avatar")).to_contain_text("GE")
    picture = rows.filter(has_text="Ada Example").locator("img.kith-avatar")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 400

    rows.get_by_role("link", name="Grace Example").click()
    page.get_by_role("link", name="Log a note, call or meeting").click()
    page.get_by_label("Subject").fill("Met at the fair")
    page.get_by_role("button", name="Log it").click()
    expect(page.get_by_text("Note logged.")).to_be_visible()
    page.get_by_role("link", name="Timeline").click()
    expect(page.get_by_text("Met at the fair")).to_be_visible()

    assert CommunicationEvent.objects.get().contact == Contact.objects.get(display_name="Grace Example")
    assert complaints == []


@pytest.mark.parametrize("path", ["/admin/", "/admin/contacts/contact/", "/admin/imports/importjob/upload/"])
def test_nothing_is_wider_than_a_phone(page: Page, member: User, path: str, complaints: list[str]) -> None:
    Contact.objects.create(owner=member, display_name="Long " * 50, sort_name="long")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    sign_in(page)
    page.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert complaints == []
