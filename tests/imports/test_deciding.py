"""Rows that the plan leaves out or matches otherwise are imported after all when a person says so."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from contacts.models import Contact, ContactEmail, ExternalIdentity
from imports import deciding, lifecycle
from imports.lifecycle import NotAllowed
from imports.models import ImportJob, ImportRow
from tests.factories import make_contact
from tests.imports.builders import adds_up, card, cards, counts, plan_file, run
from tests.imports.undone import everything, undo

pytestmark = pytest.mark.django_db

TWINS = cards(
    card("Ada Example", uid="ada", emails=["ada@example.com"]),
    card("Ada Example", uid="ada", emails=["ada@example.com"], lines=["TITLE:Double"]),
    card("Bo Example", emails=["family@example.com"], phones=["+12025550102"]),
)


def ids_of(job: ImportJob, *positions: int) -> list[int]:
    return list(ImportRow.objects.filter(job=job, position__in=positions).values_list("pk", flat=True))


def complete(job: ImportJob) -> ImportJob:
    lifecycle.confirm(job)
    return run(job)


def again(job: ImportJob) -> ImportJob:
    job.refresh_from_db()
    assert job.state == ImportJob.State.CONFIRMED
    return run(job)


def test_a_duplicate_becomes_a_contact_of_its_own_and_the_identity_stays_with_the_first(owner: User) -> None:
    job = plan_file(owner, TWINS)
    assert deciding.decide_rows(job, ids_of(job, 2), "create") == 1
    complete(job)
    assert counts(job) == {"created": 3}
    assert adds_up(job)
    assert Contact.objects.filter(display_name="Ada Example").count() == 2
    assert ExternalIdentity.objects.get(external_id="ada").contact.title != "Nobody"


def test_somebody_with_a_shared_address_is_merged_before_the_confirmation(owner: User) -> None:
    jane = make_contact(owner, "Jane Other", email="family@example.com")
    job = plan_file(owner, TWINS)
    assert ImportRow.objects.get(job=job, position=3).reason == "shared_address"
    assert deciding.decide_rows(job, ids_of(job, 3), "merge") == 1
    complete(job)
    assert counts(job) == {"created": 1, "skipped": 1, "updated": 1}
    assert jane.phones.get().e164 == "+12025550102"
    assert jane.emails.count() == 1


def test_a_conflicting_row_becomes_somebody_new_without_the_identity_that_is_taken(owner: User) -> None:
    one = make_contact(owner, "Ada Example", email="ada@example.com")
    two = make_contact(owner, "Ada Example", phone="+12025550101")
    ExternalIdentity.objects.create(owner=owner, contact=two, source="vcard", external_id="ada")
    job = plan_file(owner, card("Ada Example", uid="ada", emails=["ada@example.com"]))
    assert ImportRow.objects.get(job=job).reason == "conflict"
    assert deciding.decide_rows(job, ids_of(job, 1), "create") == 1
    complete(job)
    assert counts(job) == {"created": 1}
    new = Contact.objects.exclude(pk__in=[one.pk, two.pk]).get()
    assert not new.identities.exists()
    assert new.emails.count() == 1


def test_rows_are_imported_after_the_end_and_the_counts_stay_honest(owner: User) -> None:
    job = complete(plan_file(owner, TWINS))
    assert counts(job) == {"created": 2, "skipped": 1}
    touched = dict(Contact.objects.values_list("pk", "updated_at"))
    assert deciding.decide_rows(job, ids_of(job, 1, 2, 3), "create") == 1
    again(job)
    assert job.state == ImportJob.State.COMPLETED
    assert counts(job) == {"created": 3}
    assert adds_up(job)
    assert all(Contact.objects.get(pk=pk).updated_at == at for pk, at in touched.items())


def test_a_later_execution_queues_no_picture_again_but_those_of_its_rows(owner: User) -> None:
    photo = "PHOTO;VALUE=uri:https://pictures.example.com/{}.jpg"
    people = [card(f"Person {name}", uid=name, lines=[photo.format(name)]) for name in ("one", "two")]
    job = plan_file(owner, cards(*people))
    lifecycle.select_rows(job, ids_of(job, 2), is_selected=False)
    complete(job)
    first = Contact.objects.get()
    first.pictures.all().delete()  # by a person
    assert deciding.decide_rows(job, ids_of(job, 2), "create") == 1
    again(job)
    assert counts(job) == {"created": 2}
    assert job.photos_queued == 2
    assert not first.pictures.exists()
    assert Contact.objects.exclude(pk=first.pk).get().pictures.count() == 1


def test_a_deselected_match_is_merged_afterwards_as_the_contact_is_by_then(owner: User) -> None:
    jane = make_contact(owner, "Bo Example", email="family@example.com")
    job = plan_file(owner, TWINS)
    lifecycle.select_rows(job, ids_of(job, 3), is_selected=False)
    complete(job)
    ContactEmail.objects.create(owner=owner, contact=jane, address="jane@example.com", normalized="jane@example.com")
    assert deciding.decide_rows(job, ids_of(job, 3), "merge") == 1
    again(job)
    assert counts(job) == {"created": 1, "skipped": 1, "updated": 1}
    assert jane.phones.count() == 1
    assert jane.emails.count() == 2


def test_two_rows_are_not_merged_into_one_contact(owner: User) -> None:
    make_contact(owner, "Jane Other", email="family@example.com")
    people = [card(f"{name} Example", emails=["family@example.com"]) for name in ("Bo", "Cy")]
    job = plan_file(owner, cards(*people))
    assert deciding.decide_rows(job, ids_of(job, 1, 2), "merge") == 1
    assert deciding.decide_rows(job, ids_of(job, 2), "merge") == 0


def test_nobody_to_merge_with_and_rows_of_others_change_nothing(owner: User, other_owner: User) -> None:
    job, foreign = plan_file(owner, TWINS), plan_file(other_owner, TWINS)
    assert deciding.decide_rows(job, ids_of(job, 3), "merge") == 0
    assert deciding.decide_rows(job, ids_of(foreign, 2), "create") == 0
    assert ImportRow.objects.get(job=foreign, position=2).decision == "skip"


def test_everything_that_a_filter_finds_is_decided_at_once(owner: User) -> None:
    job = plan_file(owner, TWINS)
    assert deciding.decide_where(job, "create", decision="skip", reason="duplicate_in_file") == 1
    complete(job)
    assert counts(job) == {"created": 3}


def test_what_was_imported_anyway_is_undone_with_the_rest(owner: User) -> None:
    before = everything(owner)
    job = complete(plan_file(owner, TWINS))
    deciding.decide_rows(job, ids_of(job, 2), "create")
    undo(again(job))
    assert everything(owner) == before
    with pytest.raises(NotAllowed):
        deciding.decide_rows(job, ids_of(job, 2), "create")
