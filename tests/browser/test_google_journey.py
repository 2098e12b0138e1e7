"""From signing in to people with pictures, by a Google account; and a grant that was taken back and is renewed."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from config.jobs.draining import drain
from contacts.models import Contact
from imports.models import ImportJob, ProviderAccount
from tests.browser.browsing import MARKS
from tests.browser.connecting import connect, consent, deselect, ours, set_up
from tests.imports.accounts import make_old
from tests.providers.google import google_stand_in

pytestmark = MARKS


def test_from_a_google_account_to_people_with_pictures(
    page: Page, member: User, live_server: Any, settings: Any, complaints: list[str]
) -> None:
    with google_stand_in(
        people=6, redirect_uris=[f"{live_server.url}/api/v1/contacts/import/google/callback"]
    ) as google:
        set_up(settings, live_server, google)
        connect(page, "Google")
        drain("imports", seconds=None)
        expect(page.get_by_text("Ready for review")).to_be_visible(timeout=10_000)
        deselect(page, 2, 4)
        page.get_by_role("button", name="Import the selected rows").click()
        drain("imports", seconds=None)
        expect(page.locator("#progress").get_by_text("Completed", exact=True)).to_be_visible(timeout=10_000)
        drain("photos", seconds=None)
        page.goto("/admin/contacts/contact/")
        expect(page.locator("#result_list .data-row")).to_have_count(4)
        pictures = page.locator("#result_list img.kith-avatar")
        assert pictures.first.evaluate("image => image.decode().then(() => image.naturalWidth)") == 400
        assert ImportJob.objects.get().skipped == 2
        assert ours(complaints, google) == []


def test_a_revoked_account_is_reconnected_and_what_waited_goes_on(
    page: Page, member: User, live_server: Any, settings: Any, complaints: list[str]
) -> None:
    with google_stand_in(people=3) as google:
        set_up(settings, live_server, google)
        connect(page, "Google")
        google.revoke()
        make_old(ProviderAccount.objects.get())
        drain("imports", seconds=None)
        expect(page.get_by_text("Sign in to Google again")).to_be_visible(timeout=10_000)
        page.get_by_role("link", name="Reconnect the account").click()
        expect(page.get_by_role("heading", name="This account must be reconnected")).to_be_visible()
        page.get_by_role("link", name="Reconnect", exact=True).click()
        consent(page)
        expect(page.get_by_text("is connected.")).to_be_visible()
        drain("imports", seconds=None)
        assert ImportJob.objects.get().state == "ready"
        assert not Contact.objects.exists()
        assert ours(complaints, google) == []
