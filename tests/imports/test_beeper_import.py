"""The people of a Beeper as contacts: listed by its chats, planned, confirmed, linked to their chats, and undone."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from config.jobs.models import HeldReason
from contacts.chats.linking import link_chat, unlink_chat
from contacts.models import Chat, Contact, ContactPicture, ExternalIdentity
from contacts.models.chat import Matched
from imports.accounts.importing import start_due_imports, start_import
from imports.lifecycle import undo
from imports.models import ImportJob, ImportRow, ProviderAccount
from imports.reasons import Reason
from imports.running import run_to_rest
from media_store.models import PhotoJob
from tests.factories import make_contact
from tests.imports.chat_kit import account_of, beeper_at_work, chat_of, fetch_pictures, sync
from tests.providers import faults
from tests.providers.beeper import BeeperStandIn

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = 41
"""The stand-in's 60 chats without 13 groups and 6 parts of merged chats."""


@pytest.fixture
def beeper() -> Iterator[BeeperStandIn]:
    with beeper_at_work(chats=60) as standing:
        yield standing


def imported(account: ProviderAccount, **options: Any) -> ImportJob:
    job = start_import(account, **{"has_preview": False, **options})
    run_to_rest(job)
    return job


def command(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("import_provider", "beeper", *arguments, "--json", stdout=out)
    return dict(json.loads(out.getvalue()))


def contact_of(number: int) -> Contact:
    """Return the contact that the person of this chat was imported as."""
    identity = ExternalIdentity.objects.get(external_id=chat_of(number).participants.get().external_id)
    return identity.contact


def row_of(job: ImportJob, number: int) -> ImportRow:
    return ImportRow.objects.get(job=job, external_id=chat_of(number).participants.get().external_id)


def test_the_command_makes_a_contact_of_everybody_with_a_chat_of_their_own(owner: User, beeper: BeeperStandIn) -> None:
    answer = command()
    assert (answer["state"], answer["total"], answer["created"]) == ("completed", PEOPLE, PEOPLE)
    assert answer["photos_queued"] == ContactPicture.objects.filter(source="beeper").count() == 36
    sync(owner)
    contact, person = contact_of(4), chat_of(4).participants.get()
    assert (contact.owner, contact.display_name) == (owner, person.name)
    assert contact.phones.get().e164 == person.phone
    assert contact.identities.get().account_key == ProviderAccount.objects.get().pk


def test_chats_that_come_later_are_with_the_contacts_already(owner: User, beeper: BeeperStandIn) -> None:
    imported(account_of(owner))
    sync(owner)
    singles = Chat.objects.filter(kind="single", merged_into="")
    assert set(singles.values_list("matched_by", flat=True)) == {Matched.IDENTITY}


def test_chats_that_are_here_already_are_linked_by_the_import(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    assert not Chat.objects.exclude(contact=None).exists()
    imported(account_of(owner))
    assert Chat.objects.exclude(contact=None).filter(merged_into="").count() == PEOPLE
    assert chat_of(26).contact == chat_of(25).contact == contact_of(25)


def test_the_contact_of_a_chat_is_matched_and_kept_whatever_its_name(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    friend = make_contact(owner, "Somebody Else Entirely")
    link_chat(chat_of(4), friend)
    job = imported(account_of(owner))
    assert (job.created, job.updated) == (PEOPLE - 1, 1)
    assert row_of(job, 4).reason == Reason.LINKED_CHAT
    friend.refresh_from_db()
    assert friend.display_name == "Somebody Else Entirely"
    assert friend.phones.get().e164 == chat_of(4).participants.get().phone
    assert (chat_of(4).contact, chat_of(4).matched_by) == (friend, Matched.HAND)
    assert imported(account_of(owner), is_full=True).unchanged == PEOPLE


def test_a_chat_with_nobody_here_is_left_out_until_a_person_wants_it(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    unlink_chat(chat_of(4))
    job = imported(account_of(owner))
    assert (job.created, job.skipped) == (PEOPLE - 1, 1)
    row = row_of(job, 4)
    assert (row.decision, row.reason, row.parsed["display_name"]) == ("skip", Reason.NOBODY_HERE, str(chat_of(4)))
    assert chat_of(4).contact is None


def test_an_import_after_the_first_lists_what_has_become_active(owner: User, beeper: BeeperStandIn) -> None:
    account = account_of(owner)
    imported(account)
    assert imported(account).total == 0
    beeper.add_message(8)
    again = imported(account)
    assert (again.total, again.unchanged) == (1, 1)
    whole = imported(account, is_full=True)
    assert (whole.total, whole.unchanged, Contact.objects.count()) == (PEOPLE, PEOPLE, PEOPLE)


def test_a_conversation_that_is_gone_says_nothing_about_the_person(owner: User, beeper: BeeperStandIn) -> None:
    imported(account_of(owner))
    beeper.delete_chat(4)
    assert imported(account_of(owner), is_full=True).total == PEOPLE - 1
    assert not ExternalIdentity.objects.exclude(gone_at=None).exists()


@pytest.mark.parametrize(
    "fault",
    [
        faults.refused(400, "VALIDATION_ERROR", "cursor is not valid"),
        faults.truncated(),
        faults.throttled(retry_after=1),
    ],
)
def test_a_fault_on_the_way_costs_nobody_and_doubles_nobody(
    owner: User, beeper: BeeperStandIn, fault: faults.Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imports.beeper.client.CHATS_ON_PAGE", 20)
    for module in ("imports.turns", "config.jobs.settling"):
        monkeypatch.setattr(f"{module}.backoff", lambda attempts, *, retry_after=None: timedelta(0))
    beeper.fault("chats", faults.usual(), fault)
    job = imported(account_of(owner))
    assert (job.state, job.created, Contact.objects.count()) == ("completed", PEOPLE, PEOPLE)


def test_pictures_come_from_wherever_beeper_has_them(owner: User, beeper: BeeperStandIn) -> None:
    imported(account_of(owner))
    sync(owner)
    fetch_pictures()
    kinds = {name: contact_of(number).pictures.get().photo_job for name, number in PICTURED.items()}
    assert {name: job.state for name, job in kinds.items()} == dict.fromkeys(PICTURED, "completed")
    assert {name: job.source_kind for name, job in kinds.items()} == {
        "https": "url",
        "mxc": "beeper",
        "localmxc": "beeper",
        "data": "stored",
        "file": "beeper",
        "path": "beeper",
    }
    assert not any(beeper.access_token in job.source_url + job.source_ref for job in kinds.values())


PICTURED = {"https": 10, "mxc": 21, "localmxc": 12, "data": 13, "file": 4, "path": 5}
"""Chats of two by where their picture is."""


def test_undoing_takes_the_contacts_and_leaves_the_chats(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    known = make_contact(owner, "Somebody Else Entirely")
    link_chat(chat_of(4), known)
    job = imported(account_of(owner))
    later = make_contact(owner, "Chosen Later")
    link_chat(chat_of(5), later)
    kept = contact_of(6)
    link_chat(chat_of(6), kept)
    undo(job)
    job.refresh_from_db()
    run_to_rest(job)
    assert (job.state, job.reversed, job.kept, job.errored) == ("undone", PEOPLE - 1, 1, 0)
    assert set(Contact.objects.all()) == {known, later, kept}
    assert not known.phones.exists()
    assert Chat.objects.count() == 60
    assert (chat_of(4).contact, chat_of(5).contact, chat_of(8).contact) == (known, later, None)
    assert ImportRow.objects.get(job=job, undo="kept").undo_reason == Reason.BY_HAND
    assert imported(account_of(owner)).created == PEOPLE - 3


def test_a_refused_token_holds_the_import_until_it_is_connected_again(owner: User, beeper: BeeperStandIn) -> None:
    account = account_of(owner)
    beeper.fault("chats", faults.unauthorized())
    job = imported(account)
    assert (job.state, job.held_reason) == ("pending", HeldReason.NEEDS_RECONNECT)
    account.refresh_from_db()
    assert account.state == ProviderAccount.State.NEEDS_RECONNECT


def test_the_page_of_the_account_imports_with_a_preview_and_by_a_rhythm(
    admin_user: User, beeper: BeeperStandIn, client: Browser
) -> None:
    account = account_of(admin_user)
    client.force_login(admin_user)
    page = reverse("admin:imports_provideraccount_change", args=[account.pk])
    assert "Import contacts now" in client.get(page).content.decode()
    client.post(f"{page.removesuffix('change/')}act", {"verb": "switch", "import_rhythm": "daily"})
    client.post(
        f"{page.removesuffix('change/')}act", {"verb": "import", "has_preview": "on", "on_conflict": "overwrite"}
    )
    job = ImportJob.objects.get()
    run_to_rest(job)
    assert (job.state, job.owner, job.rows.count()) == ("ready", admin_user, PEOPLE)
    ImportJob.objects.update(queued_at=timezone.now() - timedelta(days=2), state="cancelled")
    assert start_due_imports(now=timezone.now()) == 1


def test_the_command_says_which_account_it_wants_to_know(
    owner: User, other_owner: User, beeper: BeeperStandIn, settings: Any
) -> None:
    account = account_of(owner)
    with pytest.raises(CommandError, match="No Beeper account 'nowhere' is connected"):
        command("--account", "nowhere")
    with pytest.raises(CommandError, match="reads the chats of alice"):
        command("--owner", "bob")
    assert command("--account", account.address, "--owner", "alice", "--preview")["created"] == PEOPLE
    assert PhotoJob.objects.count() == Contact.objects.count() == 0
