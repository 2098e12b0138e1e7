"""A person undoes an import in a real browser, and reads what stayed and why."""

from __future__ import annotations

import os
from pathlib import Path

from django.contrib.auth.models import User
from django.core.files.base import File
from playwright.sync_api import Page, expect

from config.jobs.draining import drain
from contacts.models import Contact
from imports import lifecycle
from tests.browser.browsing import MARKS, sign_in
from tests.browser.test_journey import cards

pytestmark = MARKS


def test_an_import_is_undone_and_the_page_says_what_stayed_and_why(
    page: Page, member: User, tmp_path: Path, complaints: list[str]
) -> None:
    with cards(tmp_path).open("rb") as file:
        job = lifecycle.start_upload(member, file=File(file, name="people.vcf"), name="people.vcf", has_preview=False)
    drain("imports", seconds=None)
    drain("photos", seconds=None)
    sign_in(page)
    page.goto("/admin/contacts/contact/")
    page.locator("#result_list .data-row").get_by_role("link", name="Max Example").click()
    page.get_by_role("link", name="Log a note, call or meeting").click()
    page.get_by_label("Subject").fill("Owes me a book")
    page.get_by_role("button", name="Log it").click()
    expect(page.get_by_text("Note logged.")).to_be_visible()

    page.goto(f"/admin/imports/importjob/{job.pk}/change/")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Undo this import").click()
    expect(page.locator("#progress").get_by_text("Waiting to be undone")).to_be_visible()
    drain("imports", seconds=None)
    expect(page.locator("#progress header").get_by_text("Undone", exact=True)).to_be_visible(timeout=10_000)
    page.reload()
    undone = page.locator("section", has=page.get_by_role("heading", name="What was undone"))
    expect(undone.get_by_text("Something hangs on it that a person wrote or decided")).to_be_visible()
    if folder := os.environ.get("KITH_SCREENSHOTS"):
        page.screenshot(path=Path(folder, "undone.png"), full_page=True)
    undone.get_by_role("row").filter(has_text="kept").get_by_role("link").click()
    expect(page.get_by_role("cell", name="Max Example")).to_be_visible()

    assert [contact.display_name for contact in Contact.objects.all()] == ["Max Example"]
    assert complaints == []
