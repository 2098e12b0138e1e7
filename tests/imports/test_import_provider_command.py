"""`import_provider`: the contacts of a connected account, from a terminal."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from contacts.models import Contact
from imports.models import ImportJob
from tests.imports.accounts import make_account
from tests.providers import faults
from tests.providers.google import GoogleStandIn
from tests.providers.microsoft import MicrosoftStandIn

pytestmark = pytest.mark.django_db(transaction=True)

OUTCOMES = ("created", "updated", "unchanged", "skipped", "invalid", "failed")


def import_provider(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("import_provider", *arguments, "--json", stdout=out)
    return dict(json.loads(out.getvalue()))


def test_an_account_is_imported_by_its_address_and_again_by_its_id(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    first = import_provider("google", "--account", account.address)
    assert set(first) == {"job_id", "state", "total", *OUTCOMES, "photos_queued", "duration_ms"}
    assert (first["state"], first["total"], first["created"]) == ("completed", 25, 25)
    google.change_person(1, title="Chief")
    again = import_provider("google", "--account", str(account.pk))
    assert (again["total"], again["updated"]) == (1, 1)
    assert import_provider("google", "--account", account.address, "--full")["unchanged"] == 25


def test_a_preview_writes_nothing_and_says_what_would_be(owner: User, microsoft: MicrosoftStandIn) -> None:
    account = make_account(owner, microsoft)
    answer = import_provider("microsoft", "--account", account.address, "--preview")
    assert (answer["state"], answer["created"]) == ("ready", 25)
    assert not Contact.objects.exists()
    with pytest.raises(CommandError, match="review"):
        import_provider("microsoft", "--account", account.address)


def test_a_short_wait_that_the_provider_asks_for_is_waited_for(owner: User, google: GoogleStandIn) -> None:
    google.fault("connections", faults.throttled(retry_after=1))
    account = make_account(owner, google)
    # The usual pause is shortened, as nobody wants to wait in a test.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("imports.turns.backoff", lambda attempts, *, retry_after: retry_after)
        assert import_provider("google", "--account", account.address)["created"] == 25


def test_what_cannot_be_imported_is_said_in_plain_words(owner: User, other_owner: User, google: GoogleStandIn) -> None:
    with pytest.raises(CommandError, match="Connect it in the admin first"):
        import_provider("google", "--account", "nobody@example.com")
    with pytest.raises(CommandError, match="No Beeper account 'any' is connected"):
        import_provider("beeper", "--account", "any")
    account = make_account(owner, google)
    make_account(other_owner, google)
    with pytest.raises(CommandError, match="--owner"):
        import_provider("google", "--account", account.address)
    answer = import_provider("google", "--account", account.address, "--owner", "bob")
    assert ImportJob.objects.get(pk=answer["job_id"]).owner == other_owner


def test_an_import_that_fails_ends_with_its_reason(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    google.fault("connections", faults.forbidden())
    with pytest.raises(CommandError, match="Sign in again and leave every box ticked"):
        import_provider("google", "--account", account.address)
