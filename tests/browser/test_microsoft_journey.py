"""From signing in to people with pictures, by a Microsoft account."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from config.jobs.draining import drain
from imports.models import ImportJob
from tests.browser.browsing import MARKS
from tests.browser.connecting import connect, deselect, ours, set_up
from tests.providers.microsoft import microsoft_stand_in

pytestmark = MARKS


def test_from_a_microsoft_account_to_people_with_pictures(
    page: Page, member: User, live_server: Any, settings: Any, complaints: list[str]
) -> None:
    with microsoft_stand_in(people=6) as microsoft:
        set_up(settings, live_server, microsoft)
        connect(page, "Microsoft")
        drain("imports", seconds=None)
        expect(page.get_by_text("Ready for review")).to_be_visible(timeout=10_000)
        deselect(page, 3, 6)
        page.get_by_role("button", name="Import the selected rows").click()
        drain("imports", seconds=None)
        expect(page.locator("#progress").get_by_text("Completed", exact=True)).to_be_visible(timeout=10_000)
        drain("photos", seconds=None)
        page.goto("/admin/contacts/contact/")
        expect(page.locator("#result_list .data-row")).to_have_count(4)
        pictures = page.locator("#result_list img.kith-avatar")
        assert pictures.first.evaluate("image => image.decode().then(() => image.naturalWidth)") == 400
        assert ImportJob.objects.get().skipped == 2
        assert ours(complaints, microsoft) == []
