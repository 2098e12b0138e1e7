"""A person's way through Kith in a real browser, with nothing on the console and no policy broken."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from config.jobs.draining import drain
from contacts.models import CommunicationEvent, Contact
from tests.browser.browsing import MARKS, PHONE, sign_in
from tests.factories import draw_image

pytestmark = MARKS


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
