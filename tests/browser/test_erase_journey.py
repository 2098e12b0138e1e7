"""A person erases somebody: looks at the numbers, agrees, and finds neither the contact nor the picture any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from config.erasures import Erasure
from contacts.events import log_event
from contacts.models import Contact
from contacts.pictures import image_url
from media_store.models import Blob, StoredFile
from tests.browser.browsing import MARKS, sign_in
from tests.browser.test_merge_journey import shoot
from tests.factories import make_contact, make_picture

pytestmark = MARKS


@pytest.fixture(autouse=True)
def ledger(tmp_path: Path, settings: Any) -> None:
    settings.ERASURE_LEDGER = tmp_path / "erasures.jsonl"


def test_somebody_is_erased_after_a_look_at_what_goes(page: Page, member: User, complaints: list[str]) -> None:
    ada = make_contact(member, "Ada Example", email="ada@example.com", phone="+12025550110", title="Countess")
    make_contact(member, "Bo Example")
    make_picture(ada)
    log_event(ada, kind="note", happened_at=timezone.now(), subject="Met at the fair")
    picture = image_url(ada)
    sign_in(page)
    assert page.request.get(picture).headers["content-type"] == "image/webp"
    page.goto("/admin/contacts/contact/")
    page.get_by_role("link", name="Ada Example").click()
    shoot(page, "erase-contact")
    page.get_by_role("link", name="Erase").click()
    expect(page.get_by_role("heading", name="What goes")).to_be_visible()
    numbers = page.locator(".kith-facts")
    expect(numbers).to_contain_text("Notes, calls, meetings and messages")
    shoot(page, "erase-page")
    page.get_by_role("link", name="Back", exact=True).click()
    assert Contact.objects.count() == 2
    page.get_by_role("link", name="Erase").click()
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_text("Erased for good: 1 contact")).to_be_visible()
    expect(page.get_by_role("link", name="Bo Example")).to_be_visible()
    expect(page.get_by_role("link", name="Ada Example")).to_have_count(0)
    shoot(page, "erase-done")

    assert page.request.get(picture).status == 404
    assert page.request.get(f"/admin/contacts/contact/{ada.pk}/change/").status == 404
    assert StoredFile.objects.count() == Blob.objects.count() == 0
    assert Erasure.objects.get().contact_id == ada.pk
    assert complaints == []


def test_chosen_people_are_erased_from_the_list(page: Page, member: User, complaints: list[str]) -> None:
    for name in ("Ada Example", "Bo Example", "Cy Example"):
        make_contact(member, name, email=f"{name[:2].lower()}@example.com")
    sign_in(page)
    page.goto("/admin/contacts/contact/")
    rows = page.locator("#result_list .data-row")
    for name in ("Ada Example", "Cy Example"):
        rows.filter(has_text=name).locator("input.action-select").check()
    page.locator("select[name=action]").select_option("erase_chosen")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("listitem").filter(has_text="Cy Example")).to_be_visible()
    shoot(page, "erase-several")
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_text("Erased for good: 2 contacts")).to_be_visible()
    assert [contact.display_name for contact in Contact.objects.all()] == ["Bo Example"]
    assert complaints == []
