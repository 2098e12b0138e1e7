"""Contacts of a Microsoft account: all folders, then what has changed in each."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from config.jobs.draining import drain
from contacts.models import Contact, ContactPicture, ExternalIdentity
from imports.accounts import holding
from imports.accounts.importing import start_import
from imports.microsoft import folders
from imports.models import ImportJob, ImportRow, ProviderAccount
from media_store.models import PhotoJob
from tests.imports.accounts import make_account
from tests.imports.builders import adds_up, counts, reasons, run
from tests.providers.faults import refused
from tests.providers.graph_contact import contact_id
from tests.providers.microsoft import MicrosoftStandIn, microsoft_stand_in
from tests.providers.people import Person

pytestmark = pytest.mark.django_db(transaction=True)


def import_all(account: ProviderAccount, **options: Any) -> ImportJob:
    return run(start_import(account, **{"has_preview": False, **options}))


def identity(number: int) -> ExternalIdentity:
    lasting = contact_id(number, folder=0, generation=0, is_immutable=True)
    return ExternalIdentity.objects.get(external_id=lasting)


def test_all_folders_are_gone_through_page_by_page(
    owner: User, microsoft: MicrosoftStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "PAGE_SIZE", 10)
    account = make_account(owner, microsoft)
    job = import_all(account)
    assert (job.total, counts(job), adds_up(job)) == (25, {"created": 25}, True)
    account.refresh_from_db()
    assert len(account.cursors["contacts"]) == 3
    assert all("deltatoken" in link for link in account.cursors["contacts"].values())


def test_every_request_asks_for_ids_that_last(owner: User, microsoft: MicrosoftStandIn) -> None:
    import_all(make_account(owner, microsoft))
    drain("photos", seconds=None, is_ringing=False)
    asked = [request for request in microsoft.requests if request.route in ("folders", "delta", "batch", "photo")]
    assert {request.route for request in asked} == {"folders", "delta", "batch", "photo"}
    assert all('IdType="ImmutableId"' in request.headers.get("Prefer", "") for request in asked)


def test_fields_and_categories_come_along(owner: User, settings: Any) -> None:
    mara = Person(
        given_name="Mara",
        family_name="Lindholm",
        emails=(("home", "mara.l@example.com"), ("work", "mara@example.org")),
        phones=(("mobile", "+1 202-555-0111"), ("work", "+1 202-555-0112")),
        organization="Example GmbH",
        title="Owner",
        birthday=(0, 3, 1),
        notes="Two lines:\nthe second.",
        street="1 Example Street",
        city=("Berlin", "Germany", "DE"),
        website="https://www.example.org/mara",
        tags=("Customers 2026",),
    )
    with microsoft_stand_in(people=[mara]) as microsoft:
        settings.MICROSOFT_GRAPH_URL = microsoft.address
        import_all(make_account(owner, microsoft))
    contact = Contact.objects.get(owner=owner)
    assert (contact.display_name, contact.title, contact.birthday) == ("Mara Lindholm", "Owner", "--03-01")
    assert contact.organization
    assert contact.organization.name == "Example GmbH"
    assert contact.notes == "Two lines:\nthe second."
    assert sorted(email.address for email in contact.emails.all()) == ["mara.l@example.com", "mara@example.org"]
    assert {(phone.e164, phone.label) for phone in contact.phones.all()} == {
        ("+12025550111", "Mobile"),
        ("+12025550112", "Work"),
    }
    assert [address.country for address in contact.addresses.all()] == ["Germany"]
    assert [link.value for link in contact.links.all()] == ["https://www.example.org/mara"]
    assert [tag.name for tag in contact.tags.all()] == ["Customers 2026"]


def test_the_next_import_brings_only_what_has_changed(owner: User, microsoft: MicrosoftStandIn) -> None:
    account = make_account(owner, microsoft)
    import_all(account)
    microsoft.change_person(3, title="Chief")
    microsoft.delete_person(4)
    job = run(start_import(account))
    assert sorted(reasons(job)) == [("skip", "gone_at_source"), ("update", "external_identity")]
    assert identity(4).gone_at
    assert Contact.objects.filter(owner=owner).count() == 25


def test_who_moves_to_another_folder_is_neither_gone_nor_new(owner: User, microsoft: MicrosoftStandIn) -> None:
    account = make_account(owner, microsoft)
    import_all(account)
    microsoft.change_person(4, folder=2)
    job = import_all(account)
    assert job.created == 0
    assert ("skip", "listed_again") in reasons(job)
    assert identity(4).gone_at is None


@pytest.mark.parametrize("code", ["SyncStateNotFound", "resyncRequired"])
def test_a_lost_sync_state_heals_itself_without_doubles(owner: User, microsoft: MicrosoftStandIn, code: str) -> None:
    account = make_account(owner, microsoft)
    import_all(account)
    microsoft.delete_person(6)
    microsoft.lose_sync_state(code=code)
    job = import_all(account)
    assert (job.state, counts(job)) == ("completed", {"unchanged": 24, "skipped": 1})
    assert identity(6).gone_at
    assert Contact.objects.filter(owner=owner).count() == 25


def test_pictures_are_fetched_in_batches_and_none_is_no_failure(
    owner: User, microsoft: MicrosoftStandIn, settings: Any
) -> None:
    settings.PHOTO_BATCH_SIZE = settings.PHOTO_CONCURRENCY = 20
    account = make_account(owner, microsoft)
    import_all(account)
    drain("photos", seconds=None, is_ringing=False)
    jobs = PhotoJob.objects.filter(owner=owner, source_kind="graph")
    kinds = [microsoft.book().entry(number).person.photo for number in range(25)]  # type: ignore[union-attr]
    assert jobs.filter(state="completed").count() == 25
    assert jobs.filter(verdict="ok").exclude(file="").count() == kinds.count("portrait")
    assert jobs.filter(verdict="placeholder", file="").count() == kinds.count("pixel")
    assert microsoft.count("batch") < 10
    assert microsoft.peak <= 4
    # Nothing has changed: nothing is asked for again.
    assert run(start_import(account, is_full=True, has_preview=False)).photos_queued == 0


def test_a_picture_that_is_throttled_waits_as_long_as_it_is_asked_to(owner: User, microsoft: MicrosoftStandIn) -> None:
    import_all(make_account(owner, microsoft))
    microsoft.fault("photo", refused(429, "", "Slow down.", retry_after=90))
    drain("photos", seconds=None, is_ringing=False)
    waiting = PhotoJob.objects.get(state="pending")
    assert (waiting.verdict, waiting.held_reason) == ("rate_limited", "")
    assert (waiting.next_attempt_at - waiting.checked_at).total_seconds() > 80  # type: ignore[operator]


def test_a_changed_picture_replaces_the_old_one(owner: User, microsoft: MicrosoftStandIn) -> None:
    account = make_account(owner, microsoft)
    import_all(account)
    drain("photos", seconds=None, is_ringing=False)
    picture = ContactPicture.objects.get(contact_id=identity(0).contact_id)
    before = picture.photo_job.sha256
    microsoft.change_person(0, photo_version=1)
    assert import_all(account).updated == 1
    drain("photos", seconds=None, is_ringing=False)
    picture.photo_job.refresh_from_db()
    assert picture.photo_job.sha256 != before


def test_pictures_wait_for_the_reconnection_of_their_account(owner: User, microsoft: MicrosoftStandIn) -> None:
    account = make_account(owner, microsoft)
    import_all(account)
    ProviderAccount.objects.filter(pk=account.pk).update(state="needs_reconnect", last_error="Sign in again.")
    drain("photos", seconds=None, is_ringing=False)
    assert set(PhotoJob.objects.values_list("state", "held_reason")) == {("pending", "needs_reconnect")}
    ProviderAccount.objects.filter(pk=account.pk).update(state="connected")
    holding.release(account.pk)
    drain("photos", seconds=None, is_ringing=False)
    assert not PhotoJob.objects.exclude(state="completed").exists()


def test_a_person_of_another_owner_is_not_asked_for(
    owner: User, other_owner: User, microsoft: MicrosoftStandIn
) -> None:
    import_all(make_account(owner, microsoft))
    PhotoJob.objects.update(owner=other_owner)
    before = microsoft.count("batch")
    drain("photos", seconds=None, is_ringing=False)
    assert microsoft.count("batch") == before
    assert not PhotoJob.objects.exclude(file="").exists()


def test_a_folder_that_is_gone_means_going_through_all_that_is_left(owner: User, microsoft: MicrosoftStandIn) -> None:
    account = make_account(owner, microsoft)
    import_all(account)
    account.refresh_from_db()
    account.cursors = {"contacts": {**account.cursors["contacts"], "a folder that was deleted": "https://x.example"}}
    account.save(update_fields=["cursors"])
    job = import_all(account)
    assert (job.total, counts(job)) == (25, {"unchanged": 25})
    assert ImportRow.objects.filter(job=job, reason="external_identity").count() == 25
