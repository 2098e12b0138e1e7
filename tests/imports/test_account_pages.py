"""The pages of accounts: connect, switch, import, reconnect, disconnect."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from config.audit import AuditEvent
from imports.admin import ProviderAccountAdmin
from imports.models import ImportJob, ProviderAccount, SyncRun
from tests.admin.rows import make_member
from tests.imports.accounts import GOOGLE_SCOPES, make_account
from tests.providers import faults
from tests.providers.google import GoogleStandIn
from tests.providers.microsoft import MicrosoftStandIn

pytestmark = pytest.mark.django_db

ACCOUNTS = "/admin/imports/provideraccount/"
GMAIL = "https://www.googleapis.com/auth/gmail.readonly"


@pytest.fixture
def alice() -> User:
    return make_member("alice")


@pytest.fixture
def browser(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def page(browser: Client, path: str = "") -> str:
    answer = browser.get(f"{ACCOUNTS}{path}")
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def press(browser: Client, account: ProviderAccount, verb: str, **fields: Any) -> Any:
    return browser.post(f"{ACCOUNTS}{account.pk}/act", {"verb": verb, **fields}, follow=True)


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def test_a_provider_that_is_not_set_up_shows_what_to_set_and_register(browser: Client, google: GoogleStandIn) -> None:
    text = page(browser, "connect/")
    assert "Connect Google" in text
    assert "MICROSOFT_CLIENT_ID" in text
    assert "MICROSOFT_CLIENT_SECRET" in text
    assert "http://127.0.0.1:8000/api/v1/contacts/import/microsoft/callback" in text
    assert "GOOGLE_CLIENT_ID" not in text
    assert google.client_secret not in text
    assert "Google ends the access after 7 days" in text


def test_a_server_without_a_key_says_so(browser: Client, google: GoogleStandIn, settings: Any) -> None:
    settings.FIELD_KEYS = []
    text = page(browser, "connect/")
    assert "FIELD_KEYS" in text
    assert "Connect Google" not in text


def test_the_list_says_how_each_account_is(browser: Client, alice: User) -> None:
    make_account(alice)
    make_account(alice, address="ida@example.com", state="needs_reconnect")
    paused = make_account(
        alice, address="jan@example.com", paused_until=timezone.now() + timedelta(hours=2), is_mail_synced=True
    )
    SyncRun.objects.create(
        owner=alice,
        account=paused,
        kind="mail",
        state="completed",
        finished_at=timezone.now().replace(hour=6, minute=7),
    )
    text = page(browser)
    for words in ("mara@example.com", "Connected", "Must be reconnected", "Paused until", "contacts, mail", "06:07"):
        assert words in text


def test_the_list_asks_no_more_for_many_accounts(
    browser: Client, alice: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        make_account(alice, address=f"a{number}@example.com")
    with django_assert_max_num_queries(15):
        page(browser)


def test_an_import_can_be_asked_for(browser: Client, alice: User, google: GoogleStandIn) -> None:
    account = make_account(alice, google)
    answer = press(browser, account, "import", on_conflict="overwrite")
    job = ImportJob.objects.get()
    assert answer.redirect_chain[-1][0] == f"/admin/imports/importjob/{job.pk}/change/"
    assert (job.account, job.has_preview, job.on_conflict) == (account, False, "overwrite")
    second = press(browser, account, "import", has_preview="on", on_conflict="fill_blanks")
    assert "has not ended" in text_of(second)
    assert ImportJob.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": "needs_reconnect"}, "must be reconnected first"),
        ({"scopes": ["x"]}, "not allowed to show us contacts"),
    ],
)
def test_an_import_that_could_not_be_read_is_not_begun(
    browser: Client, alice: User, fields: dict[str, Any], words: str
) -> None:
    account = make_account(alice, **fields)
    assert words in text_of(press(browser, account, "import", on_conflict="overwrite"))
    assert not ImportJob.objects.exists()


def test_a_switch_within_the_permission_is_saved(browser: Client, alice: User, google: GoogleStandIn) -> None:
    account = make_account(alice, google, scopes=(*GOOGLE_SCOPES, GMAIL))
    press(browser, account, "switch", import_rhythm="daily", is_mail_synced="on")
    account.refresh_from_db()
    assert (account.import_rhythm, account.is_mail_synced, account.is_calendar_synced) == ("daily", True, False)


def test_a_switch_beyond_the_permission_leads_to_consent_and_then_is_on(
    browser: Client, alice: User, google: GoogleStandIn
) -> None:
    account = make_account(alice, google, external_id="100000000000000000000")
    answer = browser.post(
        f"{ACCOUNTS}{account.pk}/act", {"verb": "switch", "import_rhythm": "weekly", "is_mail_synced": "on"}
    )
    asked = parse_qs(urlsplit(answer["Location"]).query)
    assert GMAIL in asked["scope"][0].split()
    account.refresh_from_db()
    assert (account.import_rhythm, account.is_mail_synced) == ("weekly", False)
    back = urlsplit(google.consent(answer["Location"]))
    browser.get(f"{back.path}?{back.query}")
    account.refresh_from_db()
    assert account.is_mail_synced
    assert GMAIL in account.scopes


def test_a_switch_that_is_not_allowed_at_the_provider_stays_off_and_the_account_works_on(
    browser: Client, alice: User, google: GoogleStandIn
) -> None:
    account = make_account(alice, google, external_id="100000000000000000000")
    answer = browser.post(f"{ACCOUNTS}{account.pk}/act", {"verb": "switch", "is_mail_synced": "on"})
    back = urlsplit(google.consent(answer["Location"], without=[GMAIL]))
    before = account.sealed_tokens
    text = text_of(browser.get(f"{back.path}?{back.query}", follow=True))
    assert "not allowed to show us mail" in text
    account.refresh_from_db()
    assert (account.is_mail_synced, account.state, account.sealed_tokens) == (False, "connected", before)


def test_switches_leave_tokens_and_cursors_alone(browser: Client, alice: User, google: GoogleStandIn) -> None:
    account = make_account(alice, google, cursors={"contacts": "c"})
    press(browser, account, "switch", import_rhythm="daily")
    before = account.sealed_tokens
    account.refresh_from_db()
    assert (account.cursors, account.sealed_tokens, account.grant_version) == ({"contacts": "c"}, before, 1)


def test_microsoft_has_no_other_contacts(browser: Client, alice: User, microsoft: MicrosoftStandIn) -> None:
    text = page(browser, f"{make_account(alice, microsoft).pk}/change/")
    assert "Read mail" in text
    assert "other contacts" not in text


def test_disconnecting_revokes_and_forgets_and_ends_what_waits(
    browser: Client, alice: User, google: GoogleStandIn
) -> None:
    account = make_account(alice, google)
    waiting = ImportJob.objects.create(owner=alice, provider="google", account=account)
    reviewed = ImportJob.objects.create(owner=alice, provider="google", account=account, state="ready")
    refresh_token = account.tokens["refresh_token"]
    text = text_of(press(browser, account, "disconnect"))
    assert "is disconnected" in text
    assert "still lists Kith" not in text
    for row in (account, waiting, reviewed):
        row.refresh_from_db()
    assert (account.state, account.tokens, account.scopes) == ("disconnected", {}, [])
    assert (waiting.state, reviewed.state) == ("cancelled", "ready")
    assert google.grants.refreshed(refresh_token) is None
    assert AuditEvent.objects.filter(verb="disconnected", object_id=str(account.pk)).exists()


def test_where_the_provider_cannot_revoke_the_person_is_told_how(
    browser: Client, alice: User, google: GoogleStandIn, microsoft: MicrosoftStandIn
) -> None:
    google.fault("revoke", faults.broken(503))
    for account, place in (
        (make_account(alice, google), "https://myaccount.google.com/permissions"),
        (make_account(alice, microsoft), "https://account.live.com/consent/Manage"),
    ):
        assert place in text_of(press(browser, account, "disconnect"))
        account.refresh_from_db()
        assert (account.state, account.tokens) == ("disconnected", {})


def test_a_permission_that_somebody_else_here_uses_is_not_revoked(
    browser: Client, alice: User, google: GoogleStandIn
) -> None:
    mine, theirs = make_account(alice, google), make_account(make_member("bob"), google)
    press(browser, mine, "disconnect")
    assert google.count("revoke") == 0
    assert google.grants.refreshed(theirs.tokens["refresh_token"])


def test_only_a_disconnected_account_can_be_removed(browser: Client, alice: User, google: GoogleStandIn) -> None:
    account = make_account(alice, google)
    job = ImportJob.objects.create(owner=alice, provider="google", account=account, state="completed")
    assert "Disconnect the account first" in text_of(press(browser, account, "remove"))
    press(browser, account, "disconnect")
    press(browser, account, "remove")
    assert not ProviderAccount.objects.exists()
    job.refresh_from_db()
    assert job.account is None


def test_an_account_that_must_be_reconnected_is_on_the_home_page(browser: Client, alice: User) -> None:
    account = make_account(alice, state="needs_reconnect", last_error="Google answered invalid_grant.")
    home = browser.get("/admin/").content.decode()
    assert "must be reconnected" in home
    assert f"{ACCOUNTS}{account.pk}/change/" in home
    text = page(browser, f"{account.pk}/change/")
    assert "Google answered invalid_grant." in text
    assert f"/api/v1/contacts/import/google/start?account={account.pk}&amp;then=account" in text


def test_a_pause_is_shown(browser: Client, alice: User) -> None:
    account = make_account(alice, paused_until=timezone.now() + timedelta(minutes=5))
    assert "Paused until" in page(browser, f"{account.pk}/change/")


def test_a_missing_permission_is_named(browser: Client, alice: User) -> None:
    account = make_account(alice, is_calendar_synced=True)
    assert "was not allowed to show us the calendar" in page(browser, f"{account.pk}/change/")


@pytest.mark.parametrize("verb", ["switch", "import", "disconnect", "remove", "", "drop table"])
def test_nobody_acts_on_what_is_not_theirs(browser: Client, verb: str) -> None:
    theirs = make_account(make_member("bob"))
    answer = browser.post(f"{ACCOUNTS}{theirs.pk}/act", {"verb": verb})
    assert answer.status_code == 404
    before = theirs.__dict__["state"]
    theirs.refresh_from_db()
    assert theirs.state == before


def test_acting_takes_a_post_and_the_right(client: Client, browser: Client, alice: User) -> None:
    account = make_account(alice)
    assert browser.get(f"{ACCOUNTS}{account.pk}/act").status_code == 405
    alice.groups.clear()
    alice.user_permissions.clear()
    assert browser.post(f"{ACCOUNTS}{account.pk}/act", {"verb": "disconnect"}).status_code in (403, 404)
    account.refresh_from_db()
    assert account.state == "connected"


def test_tokens_are_on_no_page(browser: Client, alice: User, google: GoogleStandIn) -> None:
    account = make_account(alice, google)
    for path in ("", "connect/", f"{account.pk}/change/", f"{account.pk}/history/"):
        answer = browser.get(f"{ACCOUNTS}{path}")
        assert b"stand-in-token" not in answer.content
        assert account.sealed_tokens.text.encode() not in answer.content


@pytest.mark.parametrize(
    ("provider", "reads", "place"),
    [
        ("imap", "mail", "/admin/imports/syncrun/mail-server/"),
        ("beeper", "contacts, chats", "/admin/imports/syncrun/beeper/"),
    ],
)
def test_an_account_without_a_consent_page_is_reconnected_by_entering_it_again(
    browser: Client, alice: User, provider: str, reads: str, place: str
) -> None:
    account = make_account(alice, provider=provider, state="needs_reconnect", last_error="Refused.")
    assert f'href="{place}"' in page(browser, f"{account.pk}/change/")
    assert f'data-label="Reads">{reads}<' in page(browser)


def test_a_page_is_called_as_in_the_navigation(browser: Client, alice: User) -> None:
    text = page(browser, f"{make_account(alice).pk}/change/")
    assert "Provider account" not in text
    for words in ("Bringing in </a >", "Accounts </a >", "Google: mara@example.com </a >"):
        assert words in text
    assert "Connect an account </span >" in page(browser, "connect/")


def test_a_mail_server_is_not_asked_where_its_password_could_not_be_kept(browser: Client, settings: Any) -> None:
    settings.FIELD_KEYS = []
    form = {"address": "ida@example.com", "host": "127.0.0.1", "port": "1", "password": "secret"}
    text = text_of(browser.post("/admin/imports/syncrun/mail-server/", form))
    assert "Passwords can only be kept with FIELD_KEYS" in text


@pytest.mark.parametrize("verb", ["switch", "import", "disconnect", "remove"])
def test_a_button_for_an_account_that_another_window_has_removed_finds_nothing(
    browser: Client, alice: User, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    account = make_account(alice, state="disconnected")
    look_up = ProviderAccountAdmin.get_owned_or_404

    def then_removed(*args: Any) -> Any:
        found = look_up(*args)
        ProviderAccount.objects.all().delete()
        return found

    monkeypatch.setattr(ProviderAccountAdmin, "get_owned_or_404", then_removed)
    assert press(browser, account, verb, import_rhythm="daily").status_code == 404
