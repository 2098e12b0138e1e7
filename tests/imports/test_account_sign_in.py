"""From a button to a connected account, and every way in which that can go wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from config.audit import AuditEvent
from imports.accounts import signing_in
from imports.models import ImportJob, ProviderAccount
from tests.imports.accounts import make_account
from tests.providers import faults
from tests.providers.google import CONTACTS, GoogleStandIn, google_stand_in
from tests.providers.microsoft import MicrosoftStandIn

pytestmark = pytest.mark.django_db

GOOGLE, MICROSOFT = "/api/v1/contacts/import/google", "/api/v1/contacts/import/microsoft"
ACCOUNTS = "/admin/imports/provideraccount/"
GMAIL = "https://www.googleapis.com/auth/gmail.readonly"


@pytest.fixture
def browser(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def start(browser: Client, path: str = GOOGLE, **query: Any) -> str:
    """Return the address of the consent page."""
    answer = browser.get(f"{path}/start", query)
    assert answer.status_code == 302, answer.content
    return str(answer["Location"])


def callback(browser: Client, location: str) -> Any:
    """Follow the provider's redirect back to us."""
    parts = urlsplit(location)
    return browser.get(f"{parts.path}?{parts.query}")


def said(answer: Any) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def test_the_consent_page_is_asked_for_with_pkce_and_the_least_scopes(browser: Client, google: GoogleStandIn) -> None:
    asked = {name: values[0] for name, values in parse_qs(urlsplit(start(browser)).query).items()}
    assert asked["scope"].split() == ["https://www.googleapis.com/auth/userinfo.email", CONTACTS]
    assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
    assert (asked["access_type"], asked["prompt"]) == ("offline", "consent")
    assert asked["redirect_uri"] == f"http://127.0.0.1:8000{GOOGLE}/callback"
    assert len(asked["state"]) >= 43


def test_the_redirect_address_never_follows_the_host_of_a_request(browser: Client, google: GoogleStandIn) -> None:
    answer = browser.get(f"{GOOGLE}/start", headers={"host": "localhost"})
    assert parse_qs(urlsplit(answer["Location"]).query)["redirect_uri"] == [f"http://127.0.0.1:8000{GOOGLE}/callback"]


def test_connecting_imports_at_once_and_leads_to_the_import(
    browser: Client, owner: User, google: GoogleStandIn
) -> None:
    answer = callback(browser, google.consent(start(browser)))
    account, job = ProviderAccount.objects.get(), ImportJob.objects.get()
    assert answer["Location"] == f"/admin/imports/importjob/{job.pk}/change/"
    assert (account.owner, account.provider, account.address) == (owner, "google", "mara@example.com")
    assert (account.external_id, account.state) == ("100000000000000000000", "connected")
    assert "stand-in-token" in account.tokens["refresh_token"]
    assert account.expires_at is not None
    assert account.expires_at > timezone.now() + timedelta(minutes=55)
    assert (job.account, job.state, job.has_preview, job.upload_name) == (account, "pending", True, account.address)
    event = AuditEvent.objects.get(verb="connected")
    assert (event.actor_name, event.object_id) == ("alice", str(account.pk))


def test_microsoft_too(browser: Client, microsoft: MicrosoftStandIn) -> None:
    answer = callback(browser, microsoft.consent(start(browser, MICROSOFT, then="account")))
    account = ProviderAccount.objects.get()
    assert answer["Location"] == f"{ACCOUNTS}{account.pk}/change/"
    assert (account.provider, account.address) == ("microsoft", "mara@outlook.example.com")
    assert not ImportJob.objects.exists()


def test_the_state_works_once(browser: Client, google: GoogleStandIn) -> None:
    location = google.consent(start(browser, then="account"))
    callback(browser, location)
    replayed = callback(browser, location)
    assert replayed["Location"] == ACCOUNTS
    assert "used already" in said(replayed)
    assert google.count("token") == 1


def test_two_callbacks_at_once_share_a_session_but_only_one_is_heard(
    browser: Client, owner: User, google: GoogleStandIn
) -> None:
    location = google.consent(start(browser, then="account"))
    before = dict(browser.session)
    callback(browser, location)
    session = browser.session  # as the other request has read it, a moment earlier
    session[signing_in.SESSION_KEY] = before[signing_in.SESSION_KEY]
    session.save()
    assert "used already" in said(callback(browser, location))
    assert google.count("token") == 1


@pytest.mark.parametrize("query", [{}, {"state": ""}, {"state": "guessed", "code": "stolen"}, {"code": "stolen"}])
def test_an_answer_that_nobody_asked_for_changes_nothing(
    browser: Client, google: GoogleStandIn, query: dict[str, str]
) -> None:
    start(browser)
    answer = browser.get(f"{GOOGLE}/callback", query)
    assert answer["Location"] == ACCOUNTS
    assert "not started here" in said(answer)
    assert google.count("token") == 0


def test_another_users_state_is_worth_nothing(browser: Client, other_owner: User, google: GoogleStandIn) -> None:
    location = google.consent(start(browser))
    stranger = Client()
    stranger.force_login(other_owner)
    assert "not started here" in said(callback(stranger, location))
    # Nor when it is put into their session.
    session = stranger.session
    session[signing_in.SESSION_KEY] = browser.session[signing_in.SESSION_KEY]
    session.save()
    assert "belongs to somebody else" in said(callback(stranger, location))
    assert google.count("token") == 0
    assert not ProviderAccount.objects.exists()


def test_the_state_of_one_provider_is_not_good_for_another(
    browser: Client, google: GoogleStandIn, microsoft: MicrosoftStandIn
) -> None:
    location = google.consent(start(browser)).replace("/google/", "/microsoft/")
    assert "belongs to somebody else" in said(callback(browser, location))
    assert (google.count("token"), microsoft.count("token")) == (0, 0)


def test_a_sign_in_that_took_over_ten_minutes_begins_anew(browser: Client, google: GoogleStandIn) -> None:
    location = google.consent(start(browser))
    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=True):
        assert "took too long" in said(callback(browser, location))
    assert google.count("token") == 0


def test_few_sign_ins_wait_at_once(browser: Client, google: GoogleStandIn) -> None:
    first, *_, last = [google.consent(start(browser, then="account")) for _ in range(7)]
    assert len(browser.session[signing_in.SESSION_KEY]) == signing_in.MOST_AT_ONCE
    assert "not started here" in said(callback(browser, first))
    assert "is connected" in said(callback(browser, last))


def test_a_person_who_says_no_is_told_that_nothing_changed(browser: Client, google: GoogleStandIn) -> None:
    answer = callback(browser, google.consent(start(browser), decision="deny"))
    assert answer["Location"] == ACCOUNTS
    assert "nothing has changed" in said(answer)
    assert not ProviderAccount.objects.exists()


def test_what_the_provider_writes_into_an_error_is_not_repeated(browser: Client, google: GoogleStandIn) -> None:
    state = parse_qs(urlsplit(start(browser)).query)["state"][0]
    answer = browser.get(f"{GOOGLE}/callback", {"state": state, "error": "<b>call 555-0100</b>"})
    assert "555-0100" not in said(answer)
    assert "reports a fault" in said(answer)


def test_an_unticked_box_is_named(browser: Client, google: GoogleStandIn) -> None:
    answer = callback(browser, google.consent(start(browser), without=[CONTACTS]))
    assert "not allowed to show us contacts" in said(answer)
    assert not ProviderAccount.objects.exists()


@pytest.mark.parametrize(
    ("route", "fault", "words"),
    [
        ("token", faults.broken(503), "answered 503"),
        ("token", faults.cut(0.2), "connection to Google failed"),
        ("token", faults.invalid_grant(), "does not accept this sign-in"),
        ("token", faults.oauth_error(401, "invalid_client"), "does not accept our GOOGLE_CLIENT_ID"),
        ("userinfo", faults.broken(500), "answered 500"),
        ("userinfo", faults.wrong_types(), "did not say whose account"),
        ("userinfo", faults.truncated(), "did not say whose account"),
        ("userinfo", faults.cut(0.2), "connection to Google failed"),
    ],
)
def test_a_fault_on_the_way_leaves_nothing_behind(
    browser: Client, google: GoogleStandIn, route: str, fault: faults.Fault, words: str
) -> None:
    location = google.consent(start(browser))
    google.fault(route, fault)
    answer = callback(browser, location)
    assert answer["Location"] == ACCOUNTS
    assert words in said(answer)
    assert not ProviderAccount.objects.exists()
    assert not ImportJob.objects.exists()


def test_signing_in_again_renews_the_same_account(browser: Client, owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google, external_id="100000000000000000000", state="needs_reconnect")
    job = ImportJob.objects.create(
        owner=owner, provider="google", account=account, held_reason="needs_reconnect", error_code="needs_reconnect"
    )
    callback(browser, google.consent(start(browser, account=account.pk, then="account")))
    before = account.tokens
    for row in (account, job):
        row.refresh_from_db()
    assert account.state == "connected"
    assert account.tokens["refresh_token"] != before["refresh_token"]
    assert job.held_reason == ""
    assert ProviderAccount.objects.count() == 1


def test_reconnecting_offers_that_very_account_and_all_that_is_switched_on(
    browser: Client, owner: User, google: GoogleStandIn
) -> None:
    account = make_account(owner, google, is_mail_synced=True)
    asked = parse_qs(urlsplit(start(browser, account=account.pk)).query)
    assert asked["login_hint"] == ["mara@example.com"]
    assert GMAIL in asked["scope"][0].split()


def test_another_account_than_the_one_to_reconnect_is_refused(browser: Client, owner: User, settings: Any) -> None:
    with google_stand_in(accounts=["mara@example.com", "ida@example.com"]) as google:
        for name, value in google.settings().items():
            setattr(settings, name, value)
        account = make_account(owner, google, external_id="100000000000000000000", state="needs_reconnect")
        before = account.sealed_tokens
        location = google.consent(start(browser, account=account.pk), account="ida@example.com")
        answer = callback(browser, location)
    assert "You signed in as ida@example.com, but this is mara@example.com" in said(answer)
    account.refresh_from_db()
    assert (account.state, account.sealed_tokens) == ("needs_reconnect", before)
    assert ProviderAccount.objects.count() == 1


def test_nobody_reconnects_the_account_of_somebody_else(
    browser: Client, other_owner: User, admin_client: Client, google: GoogleStandIn
) -> None:
    theirs = make_account(other_owner, google)
    for stranger in (browser, admin_client):
        answer = stranger.get(f"{GOOGLE}/start", {"account": str(theirs.pk)})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_google_without_a_lasting_permission_is_refused_for_a_new_account(
    browser: Client, google: GoogleStandIn
) -> None:
    location = google.consent(start(browser).replace("access_type=offline", "access_type=online"))
    answer = callback(browser, location)
    assert "for an hour only" in said(answer)
    assert not ProviderAccount.objects.exists()


def test_the_second_import_of_an_account_is_refused_kindly(browser: Client, google: GoogleStandIn) -> None:
    callback(browser, google.consent(start(browser)))
    first = ImportJob.objects.get()
    answer = callback(browser, google.consent(start(browser)))
    assert answer["Location"] == f"/admin/imports/importjob/{first.pk}/change/"
    assert "has not ended" in said(answer)
    assert ImportJob.objects.count() == 1


def test_a_provider_that_is_not_set_up_says_what_is_missing(browser: Client) -> None:
    answer = browser.get(f"{MICROSOFT}/start")
    assert answer.status_code == 409
    assert answer.json() == {
        "error": "Microsoft is not set up here: MICROSOFT_CLIENT_ID, MICROSOFT_CLIENT_SECRET missing.",
        "code": "not_configured",
    }


def test_health_names_the_providers_and_what_they_lack(browser: Client, owner: User, google: GoogleStandIn) -> None:
    make_account(owner, google)
    providers = {each["provider"]: each for each in browser.get("/api/v1/contacts/import/health").json()["providers"]}
    assert providers["google"]["is_configured"]
    assert providers["google"]["connected_accounts"] == 1
    assert providers["google"]["redirect_uri"] == f"http://127.0.0.1:8000{GOOGLE}/callback"
    assert providers["microsoft"]["missing_settings"] == ["MICROSOFT_CLIENT_ID", "MICROSOFT_CLIENT_SECRET"]


@pytest.mark.parametrize("end", ["start", "callback"])
def test_who_is_not_signed_in_is_sent_to_the_login_or_told(client: Client, google: GoogleStandIn, end: str) -> None:
    program = client.get(f"{GOOGLE}/{end}")
    person = client.get(f"{GOOGLE}/{end}", headers={"accept": "text/html,*/*"})
    assert (program.status_code, program.json()["code"]) == (401, "not_signed_in")
    assert (person.status_code, person["Location"].partition("?")[0]) == (302, "/admin/login/")


def test_no_parameter_leads_to_a_foreign_host(browser: Client, google: GoogleStandIn) -> None:
    evil = "https://evil.example.net/"
    hosts = {urlsplit(start(browser, **{name: evil})).netloc for name in ("next", "redirect_uri", "return_to", "url")}
    assert hosts == {urlsplit(google.address).netloc}
    location = google.consent(start(browser, then="account"))
    answer = callback(browser, f"{location}&next={evil}&redirect_uri={evil}")
    assert answer["Location"].startswith(ACCOUNTS)


def test_the_addresses_of_a_sign_in_are_kept_from_caches_and_referrers(browser: Client, google: GoogleStandIn) -> None:
    answer = browser.get(f"{GOOGLE}/start")
    assert (answer["Cache-Control"], answer["Referrer-Policy"]) == ("no-store", "no-referrer")
