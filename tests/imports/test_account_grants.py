"""An access token is renewed once for all who ask, and a valid grant is never thrown away."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from config.jobs.failures import PermissionFailure, TemporaryFailure
from imports.accounts import grants
from imports.models import ImportJob, ProviderAccount, SyncRun
from tests.imports.accounts import make_account, make_old
from tests.providers import faults
from tests.providers.google import GoogleStandIn
from tests.providers.microsoft import MicrosoftStandIn

pytestmark = pytest.mark.django_db

State = ProviderAccount.State


def token_of(account: ProviderAccount, rejected: str = "") -> str:
    return grants.access_token(account.pk, now=timezone.now(), rejected=rejected)


def test_a_token_with_time_left_is_given_without_asking(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    assert token_of(account) == account.tokens["access_token"]
    assert google.count("token") == 0


def test_a_token_that_is_about_to_end_is_renewed_before(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google, expires_at=timezone.now() + timedelta(seconds=100))
    renewed = token_of(account)
    assert renewed != account.tokens["access_token"]
    assert token_of(account) == renewed
    assert google.count("token") == 1


def test_googles_refresh_token_is_kept(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    make_old(account)
    token_of(account)
    before = account.tokens["refresh_token"]
    account.refresh_from_db()
    assert account.tokens["refresh_token"] == before
    assert account.expires_at is not None
    assert account.expires_at > timezone.now() + timedelta(minutes=50)


def test_microsofts_new_refresh_token_replaces_the_old(owner: User, microsoft: MicrosoftStandIn) -> None:
    microsoft.old_refresh_tokens_live = False
    account = make_account(owner, microsoft)
    for _ in range(3):
        make_old(account)
        token_of(account)
    before = account.tokens["refresh_token"]
    account.refresh_from_db()
    assert account.tokens["refresh_token"] != before
    assert account.grant_version == 4


def test_a_token_that_the_provider_rejects_is_renewed_once(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    old = account.tokens["access_token"]
    renewed = token_of(account, rejected=old)
    assert renewed != old
    assert token_of(account, rejected=old) == renewed
    assert google.count("token") == 1


def test_a_revoked_grant_must_be_renewed_by_a_person(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    make_old(account)
    google.revoke()
    waiting = ImportJob.objects.create(owner=owner, provider="google", account=account)
    reviewed = ImportJob.objects.create(owner=owner, provider="google", account=account, state="ready")
    run = SyncRun.objects.create(owner=owner, account=account, kind="mail")
    for _ in range(2):
        with pytest.raises(PermissionFailure) as refused:
            token_of(account)
        assert refused.value.code == "needs_reconnect"
    for row in (account, waiting, reviewed, run):
        row.refresh_from_db()
    assert account.state == State.NEEDS_RECONNECT
    assert "Testing mode loses its access after 7 days" in account.last_error
    assert (waiting.held_reason, run.held_reason, reviewed.held_reason) == ("needs_reconnect", "needs_reconnect", "")
    assert google.count("token") == 1


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (faults.broken(503), "http_503"),
        (faults.throttled(retry_after=40), "http_429"),
        (faults.oauth_error(401, "invalid_client"), "client_refused"),
        (faults.oauth_error(400, "temporarily_unavailable"), "token_refused"),
        (faults.truncated(), "token_refused"),
        (faults.cut(), "connection_failed"),
        (faults.wrong_types(), "token_refused"),
    ],
)
def test_trouble_at_the_token_address_is_not_a_revocation(
    owner: User, google: GoogleStandIn, fault: faults.Fault, code: str
) -> None:
    account = make_account(owner, google)
    make_old(account)
    google.fault("token", fault)
    with pytest.raises(TemporaryFailure) as failure:
        token_of(account)
    assert failure.value.code == code
    account.refresh_from_db()
    assert (account.state, account.refresh_lease) == (State.CONNECTED, None)
    # The next ones do not ask again at once; later it works.
    with pytest.raises(TemporaryFailure, match="not asked again before"):
        token_of(account)
    assert google.count("token") == 1
    assert grants.access_token(account.pk, now=timezone.now() + timedelta(minutes=1))


@pytest.mark.parametrize("error", ["invalid_grant", "interaction_required", "consent_required", "login_required"])
def test_every_word_for_sign_in_again_is_understood(owner: User, microsoft: MicrosoftStandIn, error: str) -> None:
    account = make_account(owner, microsoft)
    make_old(account)
    microsoft.fault("token", faults.oauth_error(400, error))
    with pytest.raises(PermissionFailure):
        token_of(account)
    account.refresh_from_db()
    assert account.state == State.NEEDS_RECONNECT
    assert "Testing mode" not in account.last_error
