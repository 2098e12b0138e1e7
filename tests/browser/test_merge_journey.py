"""A person finds two entries of one friend, merges them, looks at where the values come from, and takes it back."""

from __future__ import annotations

import os
from pathlib import Path

from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from contacts.models import Contact
from tests.browser.browsing import MARKS, PHONE, sign_in
from tests.factories import make_contact, make_picture

pytestmark = MARKS

SCREENSHOTS = os.environ.get("KITH_SCREENSHOTS", "")


def shoot(page: Page, name: str) -> None:
    """Keep a picture of the page in light, dark and on a phone, where KITH_SCREENSHOTS names a folder."""
    if not SCREENSHOTS:
        return
    size = page.viewport_size
    for look in ("light", "dark"):
        page.evaluate("look => document.documentElement.classList.toggle('dark', look === 'dark')", look)
        page.screenshot(path=Path(SCREENSHOTS, f"{name}-{look}.png"), full_page=True)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.screenshot(path=Path(SCREENSHOTS, f"{name}-phone.png"), full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.evaluate("document.documentElement.classList.remove('dark')")
    if size:
        page.set_viewport_size(size)


def test_two_entries_are_merged_and_parted_again(
    page: Page,
    member: User,
    complaints: list[str],
) -> None:
    first = make_contact(member, "Ada Example", email="ada@example.com", title="Engineer", notes="Met in Paris")
    make_contact(
        member, "Ada M. Example", email="ada@example.com", phone="+12025550110", title="Countess", notes="Likes tea"
    )
    make_picture(first)
    sign_in(page)
    page.locator("#nav-sidebar-apps").get_by_role("link", name="Duplicates").click()
    page.get_by_role("link", name="Look for duplicates now").click()
    page.get_by_role("button", name="Look now").click()
    shoot(page, "queue")
    page.get_by_role("link", name="Ada Example and Ada M. Example").click()
    expect(page.get_by_text("Same e-mail address")).to_be_visible()
    shoot(page, "merge")

    page.get_by_role("group", name="Title").get_by_label("Countess").check()
    page.get_by_role("button", name="Merge", exact=True).click()
    expect(page.get_by_text("Merged. You can undo this")).to_be_visible()
    page.get_by_text("values", exact=False).first.click()
    shoot(page, "contact")
    contact = Contact.objects.get()
    assert (contact.title, contact.notes) == ("Countess", "Met in Paris\n\nLikes tea")
    assert contact.phones.count() == 1
    page.get_by_role("button", name="Unlock Title").click()
    expect(page.get_by_text("Imports may write this again: Title.")).to_be_visible()

    page.locator("#nav-sidebar-apps").get_by_role("link", name="Merges").click()
    page.get_by_role("link", name="Ada M. Example").click()
    shoot(page, "undo")
    page.get_by_role("button", name="Undo this merge").click()
    expect(page.get_by_text("The merge is undone")).to_be_visible()
    assert set(Contact.objects.values_list("title", flat=True)) == {"Engineer", "Countess"}
    assert complaints == []
