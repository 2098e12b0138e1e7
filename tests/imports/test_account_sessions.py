"""Calls to a provider's API end as the job core's failures, on one host, within a time and a size."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from config.jobs.failures import JobFailure, PermanentFailure, PermissionFailure, TemporaryFailure
from imports.accounts import sessions
from imports.accounts.sessions import ApiSession, ProviderRefusal, api_session
from imports.models import ProviderAccount
from tests.imports.accounts import make_account
from tests.providers import faults
from tests.providers.exchange import redirect
from tests.providers.google import GoogleStandIn
from tests.providers.microsoft import MicrosoftStandIn

pytestmark = pytest.mark.django_db

PATH = "/v1/people/me/connections"
PEOPLE: dict[str, str | int] = {"personFields": "names,emailAddresses", "pageSize": 10}


@pytest.fixture
def account(owner: User, google: GoogleStandIn) -> ProviderAccount:
    return make_account(owner, google)


@pytest.fixture
def api(account: ProviderAccount, google: GoogleStandIn) -> Iterator[ApiSession]:
    with api_session(account, base_url=google.address) as session:
        yield session


def test_an_answer_comes_as_json(api: ApiSession) -> None:
    assert len(api.get(PATH, params=PEOPLE)["connections"]) == 10


def test_an_old_token_is_renewed_once_and_the_call_made_again(
    api: ApiSession, account: ProviderAccount, google: GoogleStandIn
) -> None:
    google.expire_access_tokens()
    for _ in range(3):
        assert api.get(PATH, params=PEOPLE)["connections"]
    assert google.count("token") == 1
    assert [request.status for request in google.requests if request.route == "connections"] == [401, 200, 200, 200]


def test_a_provider_that_refuses_even_a_new_token_wants_the_person(
    api: ApiSession, account: ProviderAccount, google: GoogleStandIn
) -> None:
    google.fault("connections", faults.unauthorized(), faults.unauthorized())
    with pytest.raises(PermissionFailure):
        api.get(PATH, params=PEOPLE)
    account.refresh_from_db()
    assert account.state == "needs_reconnect"
    assert google.count("connections") == 2


FAULTS: list[tuple[faults.Fault, type[JobFailure], str]] = [
    (faults.throttled(retry_after=90), TemporaryFailure, "throttled"),
    (faults.quota("rateLimitExceeded"), TemporaryFailure, "throttled"),
    (faults.quota("userRateLimitExceeded"), TemporaryFailure, "throttled"),
    (faults.quota("dailyLimitExceeded"), TemporaryFailure, "throttled"),
    (faults.broken(500), TemporaryFailure, "http_500"),
    (faults.broken(503, retry_after=5), TemporaryFailure, "http_503"),
    (faults.cut(), TemporaryFailure, "connection_failed"),
    (faults.truncated(), TemporaryFailure, "bad_answer"),
    (faults.forbidden(), PermissionFailure, "scope_missing"),
    (faults.refused(403, "accessNotConfigured", "The API is disabled."), PermanentFailure, "api_not_enabled"),
    (faults.refused(404, "", "Not found."), ProviderRefusal, "http_404"),
    (faults.refused(400, "EXPIRED_SYNC_TOKEN", "Sync token is expired."), ProviderRefusal, "http_400"),
]


@pytest.mark.parametrize(("fault", "kind", "code"), FAULTS)
def test_every_fault_has_its_class(
    api: ApiSession, google: GoogleStandIn, fault: faults.Fault, kind: type[JobFailure], code: str
) -> None:
    google.fault("connections", fault)
    with pytest.raises(kind) as failure:
        api.get(PATH, params=PEOPLE)
    assert failure.value.code == code
    assert "127.0.0.1" not in str(failure.value)
    assert google.count("connections") == 1


def test_a_refusal_carries_the_providers_own_words(api: ApiSession, google: GoogleStandIn) -> None:
    google.fault("connections", faults.expired_sync_token(410))
    with pytest.raises(ProviderRefusal) as refusal:
        api.get(PATH, params={**PEOPLE, "syncToken": "old"})
    assert refusal.value.status == 410
    assert "EXPIRED_SYNC_TOKEN" in refusal.value.reasons


def test_throttling_pauses_the_account_for_everybody(
    api: ApiSession, account: ProviderAccount, google: GoogleStandIn
) -> None:
    google.fault("connections", faults.throttled(retry_after=90))
    with pytest.raises(TemporaryFailure) as failure:
        api.get(PATH, params=PEOPLE)
    assert failure.value.retry_after == timedelta(seconds=90)
    account.refresh_from_db()
    assert account.paused_until is not None
    assert timedelta(seconds=80) < account.paused_until - timezone.now() <= timedelta(seconds=90)
    with api_session(account, base_url=google.address) as other, pytest.raises(TemporaryFailure) as waiting:
        other.get(PATH, params=PEOPLE)
    assert waiting.value.code == "throttled"
    assert google.count("connections") == 1


def test_a_shorter_pause_does_not_end_a_longer_one(
    api: ApiSession, account: ProviderAccount, google: GoogleStandIn
) -> None:
    until = datetime(2100, 1, 1, tzinfo=UTC)
    api.get(PATH, params=PEOPLE)
    ProviderAccount.objects.filter(pk=account.pk).update(paused_until=until)
    google.fault("connections", faults.throttled(retry_after=1))
    with pytest.raises(TemporaryFailure):
        api.get(PATH, params=PEOPLE)
    account.refresh_from_db()
    assert account.paused_until == until


def test_a_server_that_drips_meets_the_deadline(account: ProviderAccount, google: GoogleStandIn) -> None:
    google.fault("connections", faults.drip(0.1))
    with api_session(account, base_url=google.address, seconds=0.8) as api:
        began = time.monotonic()
        with pytest.raises(TemporaryFailure) as failure:
            api.get(PATH, params=PEOPLE)
        assert time.monotonic() - began < 5
    assert failure.value.code == "timeout"


def test_the_deadline_holds_for_a_connection_that_is_used_again(
    account: ProviderAccount, google: GoogleStandIn
) -> None:
    with api_session(account, base_url=google.address, seconds=1.5) as api:
        api.get(PATH, params=PEOPLE)
        google.fault("connections", faults.drip(0.1))
        with pytest.raises(TemporaryFailure, match="took too long"):
            api.get(PATH, params=PEOPLE)


def test_an_answer_beyond_the_limit_is_not_read(
    account: ProviderAccount, google: GoogleStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MAX_BYTES", 500)
    with api_session(account, base_url=google.address) as api, pytest.raises(PermanentFailure) as failure:
        api.get(PATH, params=PEOPLE)
    assert failure.value.code == "too_large"


def test_a_redirect_is_not_followed(api: ApiSession, google: GoogleStandIn) -> None:
    google.fault("connections", faults.Fault(lambda *_: redirect(f"{google.address}/v1/otherContacts")))
    with pytest.raises(PermanentFailure) as failure:
        api.get(PATH, params=PEOPLE)
    assert failure.value.code == "redirected"
    assert google.count("other_contacts") == 0


@pytest.mark.parametrize(
    "link",
    [
        "https://graph.example.net/v1.0/me/contacts?$skiptoken=x",
        "//evil.example.net/v1.0/me/contacts",
        "https://127.0.0.1@evil.example.net/",
        "ftp://127.0.0.1/",
        "http://[::1",
        "http://127.0.0.1:1/v1.0/me/contacts",
    ],
)
def test_a_link_to_another_host_is_not_followed(api: ApiSession, google: GoogleStandIn, link: str) -> None:
    with pytest.raises(PermanentFailure) as failure:
        api.follow(link)
    assert failure.value.code == "foreign_link"
    assert not google.requests


def test_credentials_in_a_link_are_not_sent(api: ApiSession, google: GoogleStandIn) -> None:
    with pytest.raises(PermanentFailure):
        api.follow(google.address.replace("://", "://user:password@") + PATH)


def test_a_next_link_is_followed_word_for_word(owner: User, microsoft: MicrosoftStandIn) -> None:
    account = make_account(owner, microsoft)
    headers = {"Prefer": 'IdType="ImmutableId"'}
    with api_session(account, base_url=microsoft.address) as api:
        page = api.get("/v1.0/me/contacts", params={"$top": 10}, headers=headers)
        following = api.follow(page["@odata.nextLink"], headers=headers)
    assert following["value"]
    last = microsoft.requests[-1]
    assert page["@odata.nextLink"] == f"{microsoft.address}{last.path}?{last.query}"
    assert last.headers["Prefer"] == headers["Prefer"]


def test_proxies_and_netrc_of_the_environment_are_not_used(
    account: ProviderAccount, google: GoogleStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login eve password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with api_session(account, base_url=google.address) as api:
        assert api.get(PATH, params=PEOPLE)["connections"]
    assert google.requests[-1].bearer


@pytest.mark.django_db(transaction=True)
def test_threads_share_a_session_and_one_renewal(account: ProviderAccount, google: GoogleStandIn) -> None:
    google.expire_access_tokens()
    found: list[int] = []
    with api_session(account, base_url=google.address) as api:
        api.get(PATH, params=PEOPLE)
        google.expire_access_tokens()
        threads = [
            threading.Thread(target=lambda: found.append(len(api.get(PATH, params=PEOPLE)["connections"])))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [10] * 8
    assert google.count("token") == 2
