from __future__ import annotations

import base64

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.jobs.claiming import claim
from config.jobs.draining import Budget
from contacts.models import Contact, ContactEmail, ContactPicture, Organization
from imports import executing, lifecycle
from imports.models import ImportJob, ImportRow
from imports.planning import expected_counts
from imports.running import run_import_jobs
from media_store.models import PhotoJob
from tests.factories import draw_image, make_contact
from tests.imports.builders import (
    adds_up,
    card,
    cards,
    counts,
    import_file,
    many_cards,
    plan_file,
    reasons,
    run,
    start,
    the_contact,
)

pytestmark = pytest.mark.django_db


def test_every_value_of_a_card_arrives(owner: User) -> None:
    lines = [
        "ORG:Acme;Research",
        "TITLE:Engineer",
        "BDAY:1815-12-10",
        "NOTE:A note",
        "ADR;TYPE=HOME:;;Street 1;Town;Region;12345;Land",
        "URL:https://example.com/ada",
        "CATEGORIES:friends,work",
    ]
    import_file(owner, card("Ada Example", uid="u1", emails=["ada@example.com"], phones=["+12025550123"], lines=lines))
    contact = the_contact(owner)
    assert (contact.given_name, contact.family_name, contact.sort_name) == ("Ada", "Example", "example ada")
    assert (contact.title, contact.department, contact.birthday) == ("Engineer", "Research", "1815-12-10")
    assert contact.notes == "A note"
    assert contact.organization == Organization.objects.get(owner=owner, name="Acme")
    assert contact.addresses.get().city == "Town"
    assert contact.links.get().value == "https://example.com/ada"
    assert sorted(contact.tags.values_list("name", flat=True)) == ["friends", "work"]
    assert contact.identities.get().external_id == "u1"
    assert contact.emails.get().is_primary
    rows = [*contact.emails.all(), *contact.phones.all(), *contact.links.all(), *contact.identities.all()]
    assert {row.owner_id for row in rows} == {owner.pk}


def test_counts_add_up_over_all_outcomes(owner: User) -> None:
    make_contact(owner, "Known Person", email="known@example.com")
    make_contact(owner, "Same Person", email="same@example.com", given_name="Same", family_name="Person")
    job = plan_file(
        owner,
        cards(
            card("New Person", emails=["new@example.com"]),
            card("Known Person", emails=["known@example.com"], lines=["TITLE:Engineer"]),
            card("Same Person", emails=["same@example.com"]),
            card("New Person", emails=["new@example.com"]),
            card("Left Out", emails=["left@example.com"]),
            card(),
            card("Too Long", emails=["long@example.com"]),
        ),
    )
    rows = ImportRow.objects.filter(job=job)
    row = rows.get(position=7)
    row.parsed["title"] = "x" * 300
    row.save()
    lifecycle.select_rows(job, [rows.get(position=5).pk], is_selected=False)
    expected = expected_counts(job)
    lifecycle.confirm(job)
    run(job)
    assert job.state == ImportJob.State.COMPLETED
    assert counts(job) == {"created": 1, "updated": 1, "unchanged": 1, "skipped": 2, "invalid": 1, "failed": 1}
    assert adds_up(job)
    assert expected == {"created": 2, "updated": 1, "unchanged": 1, "skipped": 2, "invalid": 1, "failed": 0}
    assert rows.get(position=5).reason == "deselected"
    failed = rows.get(position=7)
    assert (failed.outcome, failed.reason) == ("failed", "database_error")
    assert "too long" in failed.error


def test_one_bad_row_among_many_fails_alone(owner: User) -> None:
    job = plan_file(owner, many_cards(50))
    ImportRow.objects.filter(job=job, position=33).update(contact=make_contact(owner).pk)
    lifecycle.confirm(job)
    run(job)
    assert counts(job) == {"created": 49, "failed": 1}
    assert adds_up(job)
    assert ImportRow.objects.get(job=job, position=33).reason == "database_error"


def test_a_contact_changed_since_the_plan_is_left_alone(owner: User) -> None:
    contact = make_contact(owner, "Ada Example", email="ada@example.com")
    job = plan_file(owner, card("Ada Example", emails=["ada@example.com", "b@example.com"], lines=["TITLE:Engineer"]))
    Contact.objects.filter(pk=contact.pk).update(title="Countess")
    lifecycle.confirm(job)
    run(job)
    assert counts(job) == {"failed": 1}
    assert reasons(job) == [("update", "changed_since")]
    contact.refresh_from_db()
    assert contact.title == "Countess"
    assert contact.emails.count() == 1


def test_a_contact_deleted_since_the_plan_is_not_made_again(owner: User) -> None:
    contact = make_contact(owner, "Ada Example", email="ada@example.com")
    job = plan_file(owner, card("Ada Example", emails=["ada@example.com"], lines=["TITLE:Engineer"]))
    contact.delete()
    lifecycle.confirm(job)
    run(job)
    assert reasons(job) == [("update", "changed_since")]
    assert not Contact.objects.exists()


def test_two_reviewed_imports_of_one_file_make_nobody_twice(owner: User) -> None:
    text = cards(
        card("By Identity", uid="u1"),
        card("By Email", emails=["mail@example.com"]),
        card("By Phone", phones=["+12025550123"]),
    )
    first, second = plan_file(owner, text), plan_file(owner, text)
    lifecycle.confirm(first)
    run(first)
    lifecycle.confirm(second)
    run(second)
    assert counts(first) == {"created": 3}
    assert counts(second) == {"failed": 3}
    assert {reason for _, reason in reasons(second)} == {"changed_since"}
    assert Contact.objects.count() == 3


def test_imports_of_one_owner_write_one_after_the_other(owner: User) -> None:
    first, second = plan_file(owner, card("Ada", uid="u1")), plan_file(owner, card("Ada", uid="u1"))
    lifecycle.confirm(first)
    lifecycle.confirm(second)
    (earlier,) = claim(ImportJob, limit=1)
    (later,) = claim(ImportJob, limit=1)
    run_import_jobs([later], Budget.of(None))
    later.refresh_from_db()
    assert (later.state, later.created) == (ImportJob.State.CONFIRMED, 0)
    run_import_jobs([earlier], Budget.of(None))
    earlier.refresh_from_db()
    assert counts(earlier) == {"created": 1}


def test_files_uploaded_together_are_planned_one_after_the_other(owner: User) -> None:
    jobs = [start(owner, card("Ada", uid="u1"), has_preview=False) for _ in range(3)]
    assert [counts(run(job)) for job in jobs] == [{"created": 1}, {"unchanged": 1}, {"unchanged": 1}]


def test_an_import_in_trouble_holds_nobody_up(owner: User) -> None:
    stuck = start(owner, card("Ada", uid="u1"), has_preview=False)
    ImportJob.objects.filter(pk=stuck.pk).update(state="fetched", attempts=3, next_attempt_at="2999-01-01T00:00:00Z")
    assert counts(import_file(owner, card("Ada", uid="u1"))) == {"created": 1}


def test_statements_do_not_grow_with_the_rows(owner: User) -> None:
    def statements(number: int, first: int) -> int:
        job = plan_file(owner, many_cards(number, first=first))
        lifecycle.confirm(job)
        with CaptureQueriesContext(connection) as queries:
            run(job)
        assert counts(job) == {"created": number}
        return len(queries)

    few, many = statements(10, 0), statements(1_000, 10)
    assert few == many
    assert many <= 45


def test_a_chunk_more_costs_a_handful_of_statements(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def statements(number: int, first: int) -> int:
        job = plan_file(owner, many_cards(number, first=first))
        lifecycle.confirm(job)
        with CaptureQueriesContext(connection) as queries:
            run(job)
        return len(queries)

    monkeypatch.setattr(executing, "CHUNK_ROWS", 100)
    one, three = statements(100, 0), statements(300, 100)
    assert (three - one) / 2 <= 25


def test_reading_and_planning_cost_a_handful_of_statements_a_page(owner: User) -> None:
    def statements(number: int, first: int) -> int:
        job = start(owner, many_cards(number, first=first))
        with CaptureQueriesContext(connection) as queries:
            run(job)
        return len(queries)

    assert statements(900, 100) <= statements(10, 0) + 5


def test_pictures_are_queued_in_the_same_transactions(owner: User) -> None:
    picture = draw_image("JPEG", size=(40, 40))
    embedded = "PHOTO;ENCODING=b;TYPE=JPEG:" + base64.b64encode(picture).decode()
    job = import_file(
        owner,
        cards(
            card("By Address", uid="u1", lines=["PHOTO;VALUE=uri:https://pictures.example.com/a.jpg"]),
            card("Embedded One", uid="u2", lines=[embedded]),
            card("Embedded Two", uid="u3", lines=[embedded]),
            card("None", uid="u4"),
        ),
    )
    assert (job.created, job.photos_queued) == (4, 3)
    by_address = ContactPicture.objects.get(contact__display_name="By Address")
    assert by_address.source == "vcard"
    assert by_address.photo_job.source_kind == PhotoJob.SourceKind.URL
    assert by_address.photo_job.source_url == by_address.source_url == "https://pictures.example.com/a.jpg"
    one, two = ContactPicture.objects.filter(contact__display_name__startswith="Embedded").order_by("pk")
    assert one.photo_job.source_kind == PhotoJob.SourceKind.STORED
    assert one.photo_job.source_ref == two.photo_job.source_ref
    assert one.photo_job.source_ref.startswith(f"o{owner.pk}/imports/")
    with default_storage.open(one.photo_job.source_ref) as file:
        assert file.read() == picture


def test_the_same_pictures_again_queue_nothing(owner: User) -> None:
    embedded = "PHOTO;ENCODING=b;TYPE=JPEG:" + base64.b64encode(draw_image("JPEG", size=(40, 40))).decode()
    text = cards(
        card("By Address", uid="u1", lines=["PHOTO;VALUE=uri:https://pictures.example.com/a.jpg"]),
        card("Embedded", uid="u2", lines=[embedded]),
    )
    import_file(owner, text)
    job = import_file(owner, text, on_conflict="overwrite")
    assert (counts(job), job.photos_queued) == ({"unchanged": 2}, 0)
    assert PhotoJob.objects.count() == 2


def test_overwriting_gives_a_picture_a_new_source_and_keeps_its_job(owner: User) -> None:
    def text(address: str) -> str:
        return card("Ada", uid="u1", lines=[f"PHOTO;VALUE=uri:https://pictures.example.com/{address}"])

    import_file(owner, text("a.jpg"))
    PhotoJob.objects.update(state=PhotoJob.State.COMPLETED, file="kept.webp")
    assert counts(import_file(owner, text("b.jpg"))) == {"unchanged": 1}
    job = import_file(owner, text("b.jpg"), on_conflict="overwrite")
    assert (counts(job), job.photos_queued) == ({"updated": 1}, 1)
    photo = PhotoJob.objects.get()
    assert (photo.state, photo.source_url, photo.file.name) == (
        PhotoJob.State.PENDING,
        "https://pictures.example.com/b.jpg",
        "kept.webp",
    )


def test_a_blocked_picture_is_not_queued_again(owner: User) -> None:
    import_file(owner, card("Ada", uid="u1", lines=["PHOTO;VALUE=uri:https://pictures.example.com/a.jpg"]))
    ContactPicture.objects.update(blocked=True)
    text = card("Ada", uid="u1", lines=["PHOTO;VALUE=uri:https://pictures.example.com/b.jpg"])
    assert counts(import_file(owner, text, on_conflict="overwrite")) == {"unchanged": 1}


def test_two_owners_import_one_file_side_by_side(owner: User, other_owner: User) -> None:
    text = many_cards(20)
    jobs = [start(user, text, has_preview=False) for user in (owner, other_owner)]
    for job in jobs:
        run(job)
        assert counts(job) == {"created": 20}
    assert ContactEmail.objects.filter(owner=owner).count() == 20
    assert Organization.objects.filter(owner=other_owner).count() == 7
