"""Undoing an import takes back what it wrote, and nothing else."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime

import pytest
from django.contrib.auth.models import User

from config.jobs.draining import drain
from contacts.deals import open_deal
from contacts.events import log_event
from contacts.models import (
    CommunicationEvent,
    Contact,
    ContactEmail,
    ContactPicture,
    DealStage,
    Organization,
    Tag,
)
from contacts.pictures import pin
from contacts.relations import delete_contacts
from health.models import KeepInTouch, Reminder
from imports.models import ImportJob, MadeByImport
from media_store.models import PhotoJob
from tests.factories import draw_image, make_contact, make_picture
from tests.imports.builders import adds_up, card, cards, import_file, many_cards, the_contact
from tests.imports.undone import buckets, contacts_of, everything, live_pictures, undo, undo_reasons

pytestmark = pytest.mark.django_db

MOMENT = datetime(2026, 3, 1, tzinfo=UTC)
FULL = [
    "ORG:Example Works;Research",
    "TITLE:Engineer",
    "BDAY:1990-05-01",
    "NOTE:Met in Ulm",
    "NICKNAME:Addie",
    "CATEGORIES:friends,board",
    "ADR;TYPE=HOME:;;1 Example Street;Ulm;;89073;Germany",
    "URL:https://example.com/ada",
    "X-PET:cat",
]
ADA = card("Ada Example", uid="ada", emails=["ada@example.com", "a@example.org"], phones=["+12025550101"], lines=FULL)


def import_ada(owner: User) -> tuple[ImportJob, Contact]:
    return import_file(owner, ADA), the_contact(owner, display_name="Ada Example")


# --- Created contacts -------------------------------------------------------------------------------------------------
def test_what_was_created_and_nobody_touched_goes_with_all_that_came_with_it(owner: User) -> None:
    make_contact(owner, "Known Person", email="known@example.com")
    before = everything(owner)
    photo = base64.b64encode(draw_image("JPEG")).decode()
    job = import_file(owner, cards(ADA.replace("END:", f"PHOTO;ENCODING=b;TYPE=JPEG:{photo}\r\nEND:"), many_cards(3)))
    drain("photos", seconds=None, is_ringing=False)
    assert live_pictures(owner) == 2  # the one in the card, and what was made of it
    undo(job)
    assert job.state == ImportJob.State.UNDONE
    assert buckets(job) == {"reversed": 4}
    assert everything(owner) == before
    assert live_pictures(owner) == 0
    assert adds_up(job)


def test_events_that_a_sync_brought_go_with_the_contact(owner: User) -> None:
    job, contact = import_ada(owner)
    CommunicationEvent.objects.create(
        owner=owner, contact=contact, kind="email", happened_at=MOMENT, source="google", external_id="message-1"
    )
    undo(job)
    assert buckets(job) == {"reversed": 1}
    assert not CommunicationEvent.objects.exists()


def change_title(contact: Contact) -> None:
    Contact.objects.filter(pk=contact.pk).update(title="Director")


def change_extra(contact: Contact) -> None:
    Contact.objects.filter(pk=contact.pk).update(extra={"mine": "1"})


def change_organization(contact: Contact) -> None:
    Contact.objects.filter(pk=contact.pk).update(organization=None)


def lock(contact: Contact) -> None:
    Contact.objects.filter(pk=contact.pk).update(locked_fields=["title"])


def archive(contact: Contact) -> None:
    Contact.objects.filter(pk=contact.pk).update(archived_at=MOMENT)


def add_email(contact: Contact) -> None:
    ContactEmail.objects.create(owner_id=contact.owner_id, contact=contact, address="x@example.net", normalized="x")


def relabel_phone(contact: Contact) -> None:
    contact.phones.update(label="do not call")


def remove_address(contact: Contact) -> None:
    contact.addresses.all().delete()


def change_link(contact: Contact) -> None:
    contact.links.update(value="https://example.com/other")


def add_tag(contact: Contact) -> None:
    contact.tags.add(Tag.objects.create(owner_id=contact.owner_id, name="mine"))


def remove_tag(contact: Contact) -> None:
    contact.tags.remove(Tag.objects.get(name="board"))


def add_identity(contact: Contact) -> None:
    contact.identities.create(owner_id=contact.owner_id, source="google", external_id="people/1")


@pytest.mark.parametrize(
    "edit",
    [
        change_title,
        change_extra,
        change_organization,
        lock,
        archive,
        add_email,
        relabel_phone,
        remove_address,
        change_link,
        add_tag,
        remove_tag,
        add_identity,
    ],
)
def test_a_created_contact_that_was_edited_stays_as_it_is(owner: User, edit: object) -> None:
    job, contact = import_ada(owner)
    edit(contact)  # type: ignore[operator]
    before = contacts_of(owner)
    undo(job)
    assert buckets(job) == {"kept": 1}
    assert undo_reasons(job) == ["edited"]
    assert contacts_of(owner) == before


def log_note(contact: Contact) -> None:
    log_event(contact, kind="note", happened_at=MOMENT, subject="Owes me a book")


def rate_mail(contact: Contact) -> None:
    CommunicationEvent.objects.create(
        owner_id=contact.owner_id, contact=contact, kind="email", happened_at=MOMENT, source="google", rating=1
    )


def add_deal(contact: Contact) -> None:
    stage = DealStage.objects.create(name="Talking", position=90)
    open_deal(owner_id=contact.owner_id, name="Renewal", stage=stage, now=MOMENT, contacts=(contact,))


def remind(contact: Contact) -> None:
    Reminder.objects.create(owner_id=contact.owner_id, contact=contact, due_on=date(2026, 4, 1))


def wish(contact: Contact) -> None:
    KeepInTouch.objects.create(owner_id=contact.owner_id, contact=contact, wished_gap_days=30)


@pytest.mark.parametrize("write", [log_note, rate_mail, add_deal, remind, wish])
def test_a_created_contact_stays_when_something_hangs_on_it_that_a_person_wrote(owner: User, write: object) -> None:
    job, contact = import_ada(owner)
    write(contact)  # type: ignore[operator]
    before = everything(owner)
    undo(job)
    assert undo_reasons(job) == ["by_hand"]
    assert everything(owner) == before


def test_a_created_contact_with_an_uploaded_or_pinned_picture_stays(owner: User) -> None:
    photo = "PHOTO;VALUE=uri:https://pictures.example.com/{}.jpg"
    people = [card(f"Person {name}", uid=name, lines=[photo.format(name)]) for name in ("upload", "pin", "block", "no")]
    job = import_file(owner, cards(*people))
    make_picture(the_contact(owner, display_name="Person upload"), source="upload")
    pin(ContactPicture.objects.get(contact__display_name="Person pin"))
    ContactPicture.objects.filter(contact__display_name="Person block").update(blocked=True)
    undo(job)
    assert undo_reasons(job) == ["picture_chosen", "picture_chosen", "picture_chosen", ""]
    assert Contact.objects.count() == 3


def test_a_contact_that_is_gone_already_is_no_trouble(owner: User) -> None:
    job = import_file(owner, many_cards(2))
    delete_contacts([Contact.objects.all()[0].pk])
    undo(job)
    assert buckets(job) == {"reversed": 2}
    assert sorted(undo_reasons(job)) == ["", "already_gone"]


def test_organizations_and_tags_that_the_import_made_stay_when_somebody_else_uses_or_filled_them(owner: User) -> None:
    Tag.objects.create(owner=owner, name="friends")
    job, _ = import_ada(owner)
    job_of_others = import_file(owner, many_cards(2))
    other = make_contact(owner, "Bo Example")
    other.tags.add(Tag.objects.get(name="board"))
    Organization.objects.filter(name="Company 0").update(domain="example.com")
    undo(job)
    assert set(Tag.objects.values_list("name", flat=True)) == {"friends", "board"}
    assert not Organization.objects.filter(name="Example Works").exists()
    undo(job_of_others)
    assert set(Organization.objects.values_list("name", flat=True)) == {"Company 0"}
    assert not MadeByImport.objects.exists()


def test_another_owner_loses_nothing(owner: User, other_owner: User) -> None:
    job, _ = import_ada(owner)
    import_file(other_owner, ADA)
    before = everything(other_owner)
    undo(job)
    assert everything(other_owner) == before


# --- Updated contacts -------------------------------------------------------------------------------------------------
def known_ada(owner: User) -> Contact:
    organization = Organization.objects.create(owner=owner, name="Old Works")
    return make_contact(
        owner,
        "Ada Example",
        email="ada@example.com",
        given_name="Ada",
        family_name="Example",
        title="Student",
        notes="Mine",
        organization=organization,
        sort_name="example ada",
    )


def test_an_untouched_update_returns_to_exactly_what_was_there(owner: User) -> None:
    known_ada(owner)
    before = everything(owner)
    job = import_file(owner, ADA, on_conflict="overwrite")
    assert job.updated == 1
    assert everything(owner) != before
    undo(job)
    assert buckets(job) == {"reversed": 1}
    assert everything(owner) == before


def test_a_field_that_was_changed_since_stays_and_the_others_return(owner: User) -> None:
    contact = known_ada(owner)
    job = import_file(owner, ADA, on_conflict="overwrite")
    Contact.objects.filter(pk=contact.pk).update(title="Director")
    undo(job)
    contact.refresh_from_db()
    assert (contact.title, contact.notes, contact.birthday) == ("Director", "Mine", "")
    assert contact.organization is not None
    assert contact.organization.name == "Old Works"
    assert undo_reasons(job) == ["edited"]
    assert buckets(job) == {"kept": 1}


def test_a_field_that_a_person_has_claimed_stays(owner: User) -> None:
    contact = known_ada(owner)
    job = import_file(owner, ADA, on_conflict="overwrite")
    Contact.objects.filter(pk=contact.pk).update(locked_fields=["title"])
    undo(job)
    contact.refresh_from_db()
    assert (contact.title, contact.notes) == ("Engineer", "Mine")
    assert buckets(job) == {"kept": 1}


def test_a_field_that_has_its_old_value_already_is_settled(owner: User) -> None:
    contact = known_ada(owner)
    job = import_file(owner, ADA, on_conflict="overwrite")
    Contact.objects.filter(pk=contact.pk).update(title="Student", locked_fields=["title"])
    undo(job)
    assert buckets(job) == {"reversed": 1}


def test_the_list_order_follows_the_names_that_result(owner: User) -> None:
    contact = make_contact(owner, "Ada", email="ada@example.com", given_name="Ada", sort_name="ada")
    job = import_file(owner, card("Ada Example", emails=["ada@example.com"]))
    contact.refresh_from_db()
    assert contact.sort_name == "example ada"
    Contact.objects.filter(pk=contact.pk).update(family_name="Married", sort_name="married ada")
    undo(job)
    contact.refresh_from_db()
    assert (contact.given_name, contact.family_name, contact.sort_name) == ("Ada", "Married", "married ada")


@pytest.mark.parametrize("edit", [relabel_phone, change_link])
def test_an_added_row_that_was_changed_since_stays(owner: User, edit: object) -> None:
    contact = known_ada(owner)
    job = import_file(owner, ADA)
    edit(contact)  # type: ignore[operator]
    undo(job)
    assert undo_reasons(job) == ["edited"]
    assert contact.phones.count() + contact.links.count() == 1
    assert list(contact.emails.values_list("address", flat=True)) == ["ada@example.com"]


def test_a_picture_that_was_added_goes_and_one_that_was_replaced_gets_its_old_source_back(owner: User) -> None:
    old, new = ("https://pictures.example.com/old.jpg", "https://pictures.example.com/new.jpg")
    for name in ("with", "without"):
        make_contact(owner, f"Person {name}", email=f"{name}@example.com")
    with_picture = the_contact(owner, display_name="Person with")
    make_picture(with_picture, source="vcard", source_url=old, job_source_url=old)
    people = [
        card(f"Person {name}", emails=[f"{name}@example.com"], lines=[f"PHOTO;VALUE=uri:{new}"])
        for name in ("with", "without")
    ]
    job = import_file(owner, cards(*people), on_conflict="overwrite")
    assert set(PhotoJob.objects.values_list("source_url", flat=True)) == {new}
    undo(job)
    assert buckets(job) == {"reversed": 2}
    photo = PhotoJob.objects.get()
    assert (photo.source_url, photo.state) == (old, "pending")
    assert photo.file
    assert ContactPicture.objects.get().source_url == old


def test_a_pinned_picture_of_an_update_stays(owner: User) -> None:
    make_contact(owner, "Ada Example", email="ada@example.com")
    photo = "PHOTO;VALUE=uri:https://pictures.example.com/new.jpg"
    job = import_file(owner, card("Ada Example", emails=["ada@example.com"], lines=[photo]))
    pin(ContactPicture.objects.get())
    undo(job)
    assert undo_reasons(job) == ["picture_chosen"]
    assert ContactPicture.objects.count() == 1


# --- Several imports --------------------------------------------------------------------------------------------------
def test_what_a_later_import_wrote_stays(owner: User) -> None:
    first, contact = import_ada(owner)
    second = import_file(owner, card("Ada Example", uid="ada", lines=["TITLE:Boss"]), on_conflict="overwrite")
    assert second.updated == 1
    before = everything(owner)
    undo(first)
    assert undo_reasons(first) == ["later_import"]
    assert everything(owner) == before
    undo(second)
    contact.refresh_from_db()
    assert contact.title == "Engineer"


def test_imports_that_are_undone_in_reverse_leave_nothing(owner: User) -> None:
    before = everything(owner)
    first, _ = import_ada(owner)
    second = import_file(owner, card("Ada Example", uid="ada", lines=["TITLE:Boss"]), on_conflict="overwrite")
    undo(second)
    undo(first)
    assert everything(owner) == before


def test_an_undone_file_can_be_imported_again_and_undone_again(owner: User) -> None:
    first, _ = import_ada(owner)
    undo(first)
    again, _ = import_ada(owner)
    assert again.created == 1
    undo(again)
    assert not Contact.objects.exists()


def test_a_merged_contact_is_left_alone(owner: User) -> None:
    from contacts.registries import relations

    job, contact = import_ada(owner)
    survivor = make_contact(owner, "Ada Example")
    for relation in relations.values():
        relation.merge([contact.pk], survivor.pk)
    Contact.objects.filter(pk=contact.pk).delete()
    undo(job)
    assert undo_reasons(job) == ["merged"]
    assert survivor.emails.count() == 2
