"""Whoever is deleted or disconnects takes back, at the provider too, what was granted there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.utils import timezone

from config.jobs import controls
from config.jobs.claiming import claim, reap
from config.jobs.draining import drain
from imports.accounts import revoking
from imports.accounts.disconnecting import Permission, disconnect
from imports.accounts.rotating import rotate
from imports.models import ImportJob, ProviderAccount, Revocation, SyncRun
from tests.admin.rows import make_member
from tests.factories import make_user
from tests.imports.accounts import make_account
from tests.providers import faults
from tests.providers.google import GoogleStandIn
from tests.providers.microsoft import MicrosoftStandIn

pytestmark = pytest.mark.django_db

NEW_KEY = "k2:" + "b" * 43 + "="


def works(google: GoogleStandIn, account: ProviderAccount) -> bool:
    return google.grants.refreshed(str(account.tokens["refresh_token"])) is not None


def work() -> None:
    Revocation.objects.filter(state="pending").update(next_attempt_at=timezone.now() - timedelta(days=1))
    drain("revocations", is_ringing=False)


def test_deleting_a_user_takes_the_permission_back_afterwards(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    ImportJob.objects.create(owner=owner, provider="google", account=account)
    SyncRun.objects.create(owner=owner, account=account, kind="mail")
    owner.delete()
    assert not ProviderAccount.objects.exists()
    assert google.count("revoke") == 0, "no deletion waits for a provider"
    work()
    assert not works(google, account)
    revocation = Revocation.objects.get()
    assert (revocation.state, bool(revocation.sealed_tokens), revocation.address) == (
        "completed",
        False,
        account.address,
    )


@pytest.mark.parametrize("how", ["account", "list of accounts", "list of users"])
def test_every_way_of_deleting_counts(owner: User, google: GoogleStandIn, how: str) -> None:
    account = make_account(owner, google)
    rows: Any = {
        "account": account,
        "list of accounts": ProviderAccount.objects.defer("sealed_tokens"),
        "list of users": User.objects.filter(pk=owner.pk),
    }[how]
    kept = ProviderAccount.objects.get()
    rows.delete()
    work()
    assert not works(google, kept)


def test_an_administrator_deletes_a_user_with_all_that_is_theirs(
    client: Client, google: GoogleStandIn, microsoft: MicrosoftStandIn
) -> None:
    gone = make_member("gone")
    make_account(gone, microsoft)
    account = make_account(gone, google)
    ImportJob.objects.create(owner=gone, provider="google", account=account, state="completed")
    SyncRun.objects.create(owner=gone, account=account, kind="mail", state="completed")
    client.force_login(make_user("root", is_superuser=True))
    address = f"/admin/auth/user/{gone.pk}/delete/"
    shown = client.get(address).content.decode()
    for words in (f"{account} (its access is given back to Google)", "Imports: 1", "Syncs: 1", "Accounts: 2"):
        assert words in shown
    assert "can be removed at https://account.live.com/consent/Manage" in shown
    client.post(address, {"post": "yes"})
    assert not User.objects.filter(pk=gone.pk).exists()
    work()
    assert not works(google, account)


def test_a_deletion_that_is_rolled_back_revokes_nothing(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    with transaction.atomic():
        User.objects.get(pk=owner.pk).delete()
        transaction.set_rollback(True)
    work()
    assert works(google, account)
    assert not Revocation.objects.exists()


def test_a_provider_that_is_down_is_asked_again_until_it_answers(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    google.fault("revoke", faults.broken(503), faults.throttled(retry_after=7200), faults.cut(0))
    owner.delete()
    for code, minutes in (("http_503", 0), ("http_429", 110), ("connection_failed", 0)):
        work()
        revocation = Revocation.objects.get()
        assert (revocation.state, revocation.error_code) == ("pending", code)
        assert revocation.next_attempt_at - timezone.now() > timedelta(minutes=minutes)
    work()
    assert not works(google, account)
    assert Revocation.objects.get().state == "completed"


def test_a_success_that_carries_an_error_is_none(owner: User, google: GoogleStandIn) -> None:
    make_account(owner, google)
    google.fault("revoke", faults.oauth_error(200, "temporarily_unavailable"))
    owner.delete()
    work()
    assert Revocation.objects.get().state == "pending"


def test_a_worker_that_dies_before_it_could_say_so_costs_nothing(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    owner.delete()
    claim(Revocation, limit=1)
    google.grants.revoke(str(account.tokens["refresh_token"]))  # it came as far as that
    Revocation.objects.update(lease_until=timezone.now() - timedelta(minutes=1))
    assert reap(Revocation) == 1
    work()
    assert Revocation.objects.get().state == "completed"


def test_what_could_not_be_taken_back_is_on_the_home_page_and_can_be_retried(
    client: Client, google: GoogleStandIn
) -> None:
    admin = make_user("root", is_superuser=True)
    gone = make_member("gone")
    account = make_account(gone, google)
    gone.delete()
    google.fault("revoke", faults.broken(503))
    Revocation.objects.update(attempts=29)
    work()
    client.force_login(admin)
    home = client.get("/admin/").content.decode()
    assert f"The access to Google: {account.address} could not be given back" in home
    assert "https://myaccount.google.com/permissions" in home
    assert "answered 503" in client.get("/admin/imports/revocation/").content.decode()
    controls.retry(Revocation.objects.all())
    work()
    assert not works(google, account)
    assert "could not be given back" not in client.get("/admin/").content.decode()


def test_disconnecting_while_the_provider_is_down_is_tried_again(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    before = ProviderAccount.objects.get()
    google.fault("revoke", faults.broken(503))
    assert disconnect(account, now=timezone.now()) == Permission.LATER
    assert works(google, before)
    work()
    assert not works(google, before)


def test_disconnecting_twice_is_once(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    assert disconnect(account, now=timezone.now()) == Permission.REVOKED
    assert disconnect(account, now=timezone.now()) is None
    assert Revocation.objects.count() == google.count("revoke") == 1


def test_a_permission_that_was_given_again_in_the_meantime_stays(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    google.fault("revoke", faults.broken(503))
    disconnect(account, now=timezone.now())
    account.delete()
    again = make_account(owner, google)
    work()
    assert Revocation.objects.get().error_code == revoking.SHARED
    assert works(google, again)


def test_only_what_can_be_taken_back_is_noted(owner: User, google: GoogleStandIn, microsoft: MicrosoftStandIn) -> None:
    make_account(owner, microsoft)
    make_account(owner, google, state="disconnected")
    ProviderAccount.objects.filter(provider="google").update(sealed_tokens="")
    ProviderAccount.objects.create(owner=owner, provider="imap", address="ida@example.com", external_id="ida")
    owner.delete()
    assert not Revocation.objects.exists()


def test_a_new_key_seals_what_waits_too_and_a_lost_one_is_said(
    owner: User, google: GoogleStandIn, settings: Any
) -> None:
    account = make_account(owner, google)
    google.fault("revoke", faults.broken(503))
    disconnect(account, now=timezone.now())
    old = settings.FIELD_KEYS
    settings.FIELD_KEYS = [NEW_KEY, *old]
    assert (rotate().rotated, Revocation.objects.get().sealed_tokens.key_id) == (1, "k2")
    settings.FIELD_KEYS = old
    assert rotate().unreadable == [account.pk]
    work()
    revocation = Revocation.objects.get()
    assert (revocation.state, revocation.error_code) == ("failed", "unreadable")


def test_they_are_forgotten_after_thirty_days(owner: User, google: GoogleStandIn) -> None:
    make_account(owner, google)
    owner.delete()
    now = timezone.now()
    assert revoking.prune(now=now + timedelta(days=60)) == 0, "it has not ended"
    work()
    assert revoking.prune(now=now + timedelta(days=29)) == 0
    assert revoking.prune(now=now + timedelta(days=31)) == 1
