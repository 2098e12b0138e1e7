"""Connect an account, switch something on, lose the permission, reconnect, disconnect: as a person does it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from config import security
from config.jobs.failures import PermissionFailure
from imports.accounts.grants import access_token
from imports.models import ProviderAccount
from tests.browser.browsing import MARKS, PHONE, sign_in
from tests.imports.accounts import make_old
from tests.providers.google import GoogleStandIn, google_stand_in

pytestmark = MARKS


@pytest.fixture
def google(settings: Any, live_server: Any) -> Iterator[GoogleStandIn]:
    """Google, to which the pages of the live server may send people, and from which they come back to it."""
    with google_stand_in() as stand_in:
        for name, value in stand_in.settings().items():
            setattr(settings, name, value)
        settings.BASE_URL = live_server.url
        settings.CONTENT_SECURITY_POLICY = security.policy([stand_in.address])
        yield stand_in


@pytest.fixture
def at_home(complaints: list[str], google: GoogleStandIn) -> Iterator[list[str]]:
    """The console's complaints without those about the consent page itself, which is on another host."""
    yield complaints
    complaints[:] = [each for each in complaints if google.address not in each and "404 (Not Found)" not in each]
    assert complaints == []


def test_an_account_is_connected_reconnected_and_disconnected(
    page: Page, member: User, google: GoogleStandIn, at_home: list[str]
) -> None:
    sign_in(page)
    page.goto(reverse("admin:imports_provideraccount_changelist"))
    page.get_by_role("link", name="Connect an account").click()
    expect(page.get_by_text("MICROSOFT_CLIENT_SECRET")).to_be_visible()
    page.get_by_label("only connect the account").check()
    page.get_by_role("button", name="Connect Google").click()
    page.locator("#allow").click()
    expect(page.get_by_text("is connected.")).to_be_visible()

    page.locator("input[name=is_mail_synced]").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("gmail.readonly")).to_be_visible()
    page.locator("#allow").click()
    expect(page.locator("input[name=is_mail_synced]")).to_be_checked()

    account = ProviderAccount.objects.get()
    google.revoke()
    make_old(account)
    with pytest.raises(PermissionFailure):
        access_token(account.pk, now=timezone.now())
    page.goto("/admin/")
    page.get_by_role("link", name=re.compile("must be reconnected")).click()
    expect(page.get_by_role("heading", name="This account must be reconnected")).to_be_visible()
    page.get_by_role("link", name="Reconnect").click()
    page.locator("#allow").click()
    expect(page.get_by_text("is connected.")).to_be_visible()
    assert access_token(account.pk, now=timezone.now())

    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_text("What was brought in stays.").first).to_be_visible()
    account.refresh_from_db()
    assert (account.state, account.tokens) == ("disconnected", {})


def test_who_says_no_at_the_provider_comes_back_to_a_plain_sentence(
    page: Page, member: User, google: GoogleStandIn, at_home: list[str]
) -> None:
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    sign_in(page)
    page.goto(reverse("admin:imports_provideraccount_connect"))
    page.get_by_role("button", name="Connect Google").click()
    page.locator("#deny").click()
    expect(page.get_by_text("nothing has changed")).to_be_visible()
    assert not ProviderAccount.objects.exists()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
