"""Contacts of a Google account: all of them, then what has changed."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from contacts.models import Contact, ExternalIdentity
from imports import lifecycle
from imports.accounts.importing import start_import
from imports.google import people
from imports.models import ImportJob, ImportRow, ProviderAccount
from media_store.models import PhotoJob
from tests.imports.accounts import GOOGLE_SCOPES, make_account
from tests.imports.builders import adds_up, counts, reasons, run
from tests.providers.google import OTHER_CONTACTS, GoogleStandIn, google_stand_in
from tests.providers.google_person import resource_name
from tests.providers.people import Person

pytestmark = pytest.mark.django_db(transaction=True)

MARA = Person(
    given_name="Mara",
    family_name="Lindholm",
    nickname="Mimi",
    emails=(("home", "mara.l@example.com"), ("work", "mara@example.org")),
    phones=(("mobile", "+1 202-555-0111"),),
    organization="Example GmbH",
    title="Owner",
    department="Research",
    birthday=(1984, 3, 1),
    notes="Met at the fair.",
    street="1 Example Street",
    city=("Berlin", "Germany", "DE"),
    website="https://www.example.org/mara",
    tags=("Family",),
    photo="portrait",
)


def import_all(account: ProviderAccount, **options: Any) -> ImportJob:
    return run(start_import(account, **{"has_preview": False, **options}))


def cursor_of(account: ProviderAccount) -> dict[str, Any]:
    account.refresh_from_db()
    return dict(account.cursors.get("contacts", {}))


def test_every_field_that_a_contact_can_hold_comes_along(owner: User, settings: Any) -> None:
    with google_stand_in(people=[MARA]) as google:
        settings.GOOGLE_PEOPLE_URL = google.address
        import_all(make_account(owner, google))
    mara = Contact.objects.get(owner=owner)
    assert (mara.display_name, mara.given_name, mara.family_name, mara.nickname) == (
        *("Mara Lindholm", "Mara", "Lindholm", "Mimi"),
    )
    assert mara.organization
    assert mara.organization.name == "Example GmbH"
    assert (mara.title, mara.department, mara.birthday) == ("Owner", "Research", "1984-03-01")
    assert mara.notes == "Met at the fair."
    assert list(mara.emails.order_by("-is_primary").values_list("address", "label", "is_primary")) == [
        ("mara.l@example.com", "Home", True),
        ("mara@example.org", "Work", False),
    ]
    assert [phone.e164 for phone in mara.phones.all()] == ["+12025550111"]
    assert [(address.street, address.city) for address in mara.addresses.all()] == [("1 Example Street", "Berlin")]
    assert [link.value for link in mara.links.all()] == ["https://www.example.org/mara"]
    assert [tag.name for tag in mara.tags.all()] == ["Family"]


def test_the_picture_is_asked_for_at_a_useful_size_and_a_placeholder_not_at_all(owner: User, settings: Any) -> None:
    someone = Person(given_name="Ada", emails=(("home", "ada@example.com"),), photo="placeholder")
    with google_stand_in(people=[MARA, someone]) as google:
        settings.GOOGLE_PEOPLE_URL = google.address
        job = import_all(make_account(owner, google))
    assert job.photos_queued == 1
    assert PhotoJob.objects.get(owner=owner).source_url.endswith("photo.jpg?sz=512")


def test_the_pages_of_a_large_book_are_everybody_once(
    owner: User, google: GoogleStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "PAGE_SIZE", 10)
    account = make_account(owner, google)
    job = import_all(account)
    assert (job.total, counts(job), adds_up(job)) == (25, {"created": 25}, True)
    assert google.count("connections") == 3
    assert ExternalIdentity.objects.filter(owner=owner, source="google", account_key=account.pk).count() == 25


def test_the_next_import_brings_only_what_has_changed_and_shows_it(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    import_all(account)
    google.change_person(3, title="Chief of everything")
    google.add_person(MARA)
    job = run(start_import(account))
    assert job.state == "ready"
    assert reasons(job) == [("update", "external_identity"), ("create", "new")]
    changes = ImportRow.objects.get(job=job, position=1).changes
    assert changes
    assert changes["fields"]["title"]["new"] == "Chief of everything"
    asked = [request for request in google.requests if request.route == "connections"]
    assert [bool(request.parameter("syncToken")) for request in asked] == [False, True]


def test_what_people_edited_here_stays_when_google_changes_it(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    import_all(account)
    identity = ExternalIdentity.objects.get(external_id=resource_name(3, 0))
    Contact.objects.filter(pk=identity.contact_id).update(title="My own word", locked_fields=["title"])
    google.change_person(3, title="Chief")
    assert counts(import_all(account)) == {"unchanged": 1}
    assert Contact.objects.get(pk=identity.contact_id).title == "My own word"


@pytest.mark.parametrize("status", [400, 410])
def test_an_expired_sync_heals_itself_without_doubles(owner: User, google: GoogleStandIn, status: int) -> None:
    account = make_account(owner, google)
    import_all(account)
    google.change_person(3, title="Chief")
    google.delete_person(5)
    google.expire_sync_tokens(status=status)
    job = import_all(account)
    assert (job.state, counts(job)) == ("completed", {"updated": 1, "unchanged": 23, "skipped": 1})
    assert adds_up(job)
    assert Contact.objects.filter(owner=owner).count() == 25
    # The deletion, which no sync could tell any more, was noticed by going through all that is left.
    assert ExternalIdentity.objects.get(external_id=resource_name(5, 0)).gone_at


def test_a_deletion_there_is_marked_and_nothing_is_deleted_here(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    import_all(account)
    google.delete_person(4)
    job = import_all(account)
    identity = ExternalIdentity.objects.get(external_id=resource_name(4, 0))
    assert (reasons(job), counts(job)) == ([("skip", "gone_at_source")], {"skipped": 1})
    assert job.rows.get().contact_id == identity.contact_id
    assert identity.gone_at
    assert Contact.objects.filter(owner=owner).count() == 25


def test_who_is_listed_again_is_no_longer_marked(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    import_all(account)
    ExternalIdentity.objects.update(gone_at="2026-01-01T00:00:00Z")
    google.change_person(4, title="Back again")
    import_all(account)
    assert ExternalIdentity.objects.filter(gone_at=None).get().external_id == resource_name(4, 0)


def test_a_person_whose_id_was_changed_stays_the_same_contact(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    import_all(account)
    before = ExternalIdentity.objects.get(external_id=resource_name(3, 0)).contact_id
    google.change_person(3, given_name="Another", family_name="Name", emails=(), phones=())
    google.rename_person(3)
    job = import_all(account)
    assert counts(job) == {"updated": 1}
    assert ExternalIdentity.objects.get(external_id=resource_name(3, 1)).contact_id == before
    assert not ExternalIdentity.objects.filter(external_id=resource_name(3, 0)).exists()


def test_other_contacts_come_only_when_the_account_says_so(owner: User, settings: Any) -> None:
    with google_stand_in(people=3, other_people=4) as google:
        settings.GOOGLE_PEOPLE_URL = google.address
        account = make_account(owner, google, scopes=(*GOOGLE_SCOPES, OTHER_CONTACTS))
        assert import_all(account).total == 3
        account.has_other_contacts = True
        account.save(update_fields=["has_other_contacts"])
        job = import_all(account)
    assert (job.total, counts(job)) == (4, {"created": 4})
    assert set(cursor_of(account)) == {"connections", "otherContacts"}


def test_a_cancelled_import_loses_no_change(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    import_all(account)
    before = cursor_of(account)
    google.change_person(3, title="Chief")
    job = run(start_import(account))
    lifecycle.cancel(job)
    assert cursor_of(account) == before
    assert counts(import_all(account)) == {"updated": 1}
    assert cursor_of(account) != before


def test_an_undone_import_can_be_had_again(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    job = import_all(account)
    lifecycle.undo(job)
    assert run(job).state == "undone"
    assert not Contact.objects.filter(owner=owner).exists()
    assert counts(import_all(account)) == {"created": 25}


def test_a_full_import_can_be_asked_for(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    import_all(account)
    job = import_all(account, is_full=True)
    assert (job.total, counts(job)) == (25, {"unchanged": 25})


def test_two_accounts_keep_their_identities_apart(owner: User, settings: Any) -> None:
    with google_stand_in(people=5, accounts=("mara@example.com", "ada@example.com")) as google:
        settings.GOOGLE_PEOPLE_URL = google.address
        for address in google.accounts:
            # Both books have the same resource names, and different people.
            assert counts(import_all(make_account(owner, google, address=address))) == {"created": 5}
    assert ExternalIdentity.objects.values("account_key").distinct().count() == 2


def test_a_listing_that_is_switched_off_marks_nobody(owner: User, settings: Any) -> None:
    with google_stand_in(people=3, other_people=4) as google:
        settings.GOOGLE_PEOPLE_URL = google.address
        scopes = (*GOOGLE_SCOPES, OTHER_CONTACTS)
        account = make_account(owner, google, scopes=scopes, has_other_contacts=True)
        assert import_all(account).total == 7
        account.has_other_contacts = False
        account.save(update_fields=["has_other_contacts"])
        assert counts(import_all(account, is_full=True)) == {"unchanged": 3}
    assert not ExternalIdentity.objects.exclude(gone_at=None).exists()


def test_a_change_that_was_refused_here_comes_again(owner: User, google: GoogleStandIn) -> None:
    account = make_account(owner, google)
    import_all(account)
    before = cursor_of(account)
    google.change_person(3, title="Chief")
    job = run(start_import(account))
    identity = ExternalIdentity.objects.get(external_id=resource_name(3, 0))
    Contact.objects.filter(pk=identity.contact_id).update(nickname="Changed meanwhile", updated_at=Now())
    lifecycle.confirm(job)
    assert counts(run(job)) == {"failed": 1}
    assert cursor_of(account) == before
    assert counts(import_all(account)) == {"updated": 1}
    assert Contact.objects.get(pk=identity.contact_id).title == "Chief"
