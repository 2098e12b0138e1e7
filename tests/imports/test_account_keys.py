"""Secrets are readable only under their key and in their row; keys can be changed while everything runs."""

from __future__ import annotations

import base64
import io
import json
import os
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import checks
from django.core.management import CommandError, call_command
from django.utils import timezone

from config.jobs.failures import PermissionFailure
from imports.accounts import grants, rotating
from imports.encryption import Sealed, Unreadable, seal
from imports.models import ProviderAccount
from tests.imports.accounts import make_account, make_old
from tests.providers.google import GoogleStandIn

pytestmark = pytest.mark.django_db

MARKER = "stand-in-token"


def key(name: str) -> str:
    return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"


def rotate_keys() -> dict[str, Any]:
    out = io.StringIO()
    call_command("rotate_keys", "--json", stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_a_secret_cannot_be_moved_to_another_row(owner: User) -> None:
    first, second = make_account(owner), make_account(owner, address="ida@example.com")
    ProviderAccount.objects.filter(pk=second.pk).update(sealed_tokens=first.sealed_tokens)
    second.refresh_from_db()
    with pytest.raises(Unreadable):
        _ = second.tokens
    assert first.tokens["access_token"] == "a"


@pytest.mark.parametrize("damaged", ["v1:test:", "v1:test:####", "v2:test:AAAA", "plain text", "v1:gone:AAAA"])
def test_what_cannot_be_decrypted_is_an_error_and_never_given_out(owner: User, damaged: str) -> None:
    account = make_account(owner)
    ProviderAccount.objects.filter(pk=account.pk).update(sealed_tokens=Sealed(damaged))
    account.refresh_from_db()
    with pytest.raises(Unreadable) as unreadable:
        _ = account.tokens
    assert damaged not in str(unreadable.value)


def test_the_same_secret_is_sealed_differently_each_time(owner: User) -> None:
    account = make_account(owner)
    assert len({account.seal_tokens({"a": "b"}).text for _ in range(50)}) == 50


def test_an_account_that_no_key_reads_must_be_reconnected(owner: User, google: GoogleStandIn, settings: Any) -> None:
    account = make_account(owner, google)
    settings.FIELD_KEYS = [key("new")]
    with pytest.raises(PermissionFailure, match="cannot be decrypted"):
        grants.access_token(account.pk, now=timezone.now())
    account.refresh_from_db()
    assert account.state == "needs_reconnect"
    assert google.count("token") == 0


def test_rotating_seals_with_the_first_key_and_the_old_one_may_go(owner: User, settings: Any) -> None:
    accounts = [make_account(owner, address=f"a{number}@example.com") for number in range(5)]
    disconnected = make_account(owner, address="gone@example.com")
    ProviderAccount.objects.filter(pk=disconnected.pk).update(sealed_tokens=Sealed())
    settings.FIELD_KEYS = [key("k2"), *settings.FIELD_KEYS]
    assert rotate_keys() == {"rotated": 5, "unreadable": [], "by_key": {"k2": 5}, "message": "5 sealed anew."}
    assert rotate_keys()["rotated"] == 0
    settings.FIELD_KEYS = settings.FIELD_KEYS[:1]
    for account in accounts:
        account.refresh_from_db()
        assert account.tokens == {"access_token": "a", "refresh_token": "r"}


def test_a_secret_that_no_key_reads_is_reported_and_left_alone(owner: User, settings: Any) -> None:
    lost = make_account(owner)
    settings.FIELD_KEYS = [key("k2")]
    good = make_account(owner, address="ida@example.com")
    settings.FIELD_KEYS = [key("k3"), *settings.FIELD_KEYS]
    with pytest.raises(CommandError, match=str(lost.pk)):
        rotate_keys()
    before = lost.sealed_tokens
    for account in (lost, good):
        account.refresh_from_db()
    assert lost.sealed_tokens == before
    assert good.sealed_tokens.key_id == "k3"


def test_what_a_worker_renews_meanwhile_is_not_overwritten(
    owner: User, google: GoogleStandIn, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_account(owner, google)
    settings.FIELD_KEYS = [key("k2"), *settings.FIELD_KEYS]
    renewed: list[str] = []

    def seal_after_a_worker(*args: Any, **options: Any) -> Sealed:
        if not renewed:
            make_old(account)
            renewed.append(grants.access_token(account.pk, now=timezone.now()))
        return seal(*args, **options)

    monkeypatch.setattr(rotating, "seal", seal_after_a_worker)
    assert rotate_keys()["rotated"] == 0
    account.refresh_from_db()
    assert account.tokens["access_token"] == renewed[0]
    assert account.sealed_tokens.key_id == "k2"


def test_rotating_without_a_key_is_refused(settings: Any) -> None:
    settings.FIELD_KEYS = []
    with pytest.raises(CommandError, match="FIELD_KEYS is empty"):
        rotate_keys()


def test_a_dump_of_the_data_carries_no_secrets(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    out = io.StringIO()
    call_command("dumpdata", "imports.provideraccount", stdout=out)
    assert str(account.pk) in out.getvalue()
    assert account.sealed_tokens.text not in out.getvalue()
    assert MARKER not in out.getvalue()


def test_sealed_values_show_nothing_of_themselves(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    shown = f"{account!r} {account} {account.sealed_tokens!r} {account.sealed_tokens} {account.__dict__}"
    assert account.sealed_tokens.text not in shown
    assert MARKER not in shown


def test_plain_text_cannot_be_written_into_the_column(owner: User) -> None:
    account = make_account(owner)
    with pytest.raises(TypeError):
        ProviderAccount.objects.filter(pk=account.pk).update(sealed_tokens="plain")


def ids(**options: Any) -> set[str]:
    found = checks.run_checks(databases=["default"], **options)
    return {str(message.id) for message in found if str(message.id).startswith("kith.")}


def test_a_provider_without_a_key_is_an_error(settings: Any) -> None:
    settings.GOOGLE_CLIENT_ID, settings.FIELD_KEYS = "id", []
    [found] = [message for message in checks.run_checks() if message.id == "kith.E007"]
    assert "Google" in found.msg
    assert found.hint


def test_accounts_whose_key_is_gone_are_found(owner: User, settings: Any) -> None:
    make_account(owner)
    assert ids() == set()
    settings.FIELD_KEYS = [key("other")]
    assert ids() == {"kith.W008"}
    settings.FIELD_KEYS = []
    assert ids() == {"kith.E008"}


def test_a_key_that_protects_nothing_is_named(owner: User, settings: Any) -> None:
    make_account(owner)
    settings.FIELD_KEYS = [key("new"), *settings.FIELD_KEYS, key("idle")]
    [found] = [message for message in checks.run_checks(databases=["default"]) if message.id == "kith.I009"]
    assert "idle" in found.msg
    assert "test" not in found.msg
