"""A person takes two contacts out of Kith, as vCard and as CSV, and the files hold these two and nobody else."""

from __future__ import annotations

import base64
import csv
import io
from pathlib import Path

import pytest
import vobject
from django.contrib.auth.models import User
from PIL import Image
from playwright.sync_api import Page

from config.audit import AuditEvent
from tests.browser.browsing import MARKS, sign_in
from tests.browser.test_merge_journey import shoot
from tests.factories import make_contact, make_picture

pytestmark = MARKS

CHOSEN = ("Ada Example", "Cy Example")


@pytest.fixture
def listing(page: Page, member: User) -> Page:
    """The list with two of three contacts chosen."""
    for name in ("Ada Example", "Bo Example", "Cy Example"):
        contact = make_contact(member, name, email=f"{name[:2].lower()}@example.com")
    make_picture(contact)
    sign_in(page)
    page.goto("/admin/contacts/contact/")
    for name in CHOSEN:
        page.locator("#result_list .data-row").filter(has_text=name).locator("input.action-select").check()
    return page


def export(page: Page, action: str, folder: Path) -> tuple[str, str]:
    """Run an action of the list; return name and text of the file that the browser saved."""
    page.locator("select[name=action]").select_option(action)
    shoot(page, f"export-{action}")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Run").click()
    path = folder / action
    saved.value.save_as(path)
    return saved.value.suggested_filename, path.read_text(encoding="utf-8-sig")


def test_two_contacts_leave_as_cards_and_as_a_table(listing: Page, tmp_path: Path, complaints: list[str]) -> None:
    name, text = export(listing, "export_vcard", tmp_path)
    cards = list(vobject.readComponents(text))
    assert name.endswith(".vcf")
    assert [(card.fn.value, card.email.value) for card in cards] == [
        ("Ada Example", "ad@example.com"),
        ("Cy Example", "cy@example.com"),
    ]
    photo = cards[1].photo.value
    content = photo if isinstance(photo, bytes) else base64.b64decode(photo)
    assert Image.open(io.BytesIO(content)).size == (400, 400)

    name, text = export(listing, "export_csv", tmp_path)
    rows = list(csv.reader(io.StringIO(text)))
    assert name.endswith(".csv")
    assert len(rows) == 3
    assert all(any(person in cell for cell in row) for person, row in zip(CHOSEN, rows[1:], strict=True))
    assert "Bo Example" not in text

    events = AuditEvent.objects.order_by("pk").values_list("verb", "actor_name", "number")
    assert list(events) == [("exported", "carol", 2), ("exported", "carol", 2)]
    # A download leaves the page that was asked for where it is.
    assert [complaint for complaint in complaints if not complaint.endswith("net::ERR_ABORTED")] == []
