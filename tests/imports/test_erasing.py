"""What becomes of imports that held somebody who is erased."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User

from config.jobs.draining import drain
from contacts.erasing import erase_contacts
from contacts.models import Contact
from imports import deciding, lifecycle
from imports.export import failed_rows_csv
from imports.lifecycle import NotAllowed
from imports.models import ImportJob, ImportRow
from media_store.models import StoredFile
from tests.factories import draw_image, make_contact
from tests.imports.builders import card, cards, import_file, run, start

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ADA = card("Ada Example", uid="ada", emails=["ada@example.com"], lines=["NOTE:Secret"])
BO = card("Bo Example", uid="bo", emails=["bo@example.com"], lines=["NOTE:Other"])


def erase(name: str) -> None:
    erase_contacts([Contact.objects.get(display_name=name).pk], now=NOW)


def rows(job: ImportJob) -> list[tuple[object, ...]]:
    fields = ("position", "decision", "outcome", "reason", "parsed__display_name")
    return list(ImportRow.objects.filter(job=job).values_list(*fields))


def test_the_content_and_the_file_go_and_the_counts_stay(owner: User) -> None:
    job = import_file(owner, cards(ADA, BO))
    upload = job.upload.name
    erase("Ada Example")
    job.refresh_from_db()
    assert (job.total, job.created, job.upload.name, job.upload_name) == (2, 2, "", "people.vcf")
    assert not StoredFile.objects.filter(name=upload).exists()
    assert rows(job) == [(1, "create", "created", "erased", None), (2, "create", "created", "new", "Bo Example")]
    row = ImportRow.objects.get(job=job, position=1)
    assert (row.raw, row.external_id, row.contact_id, row.changes, row.before) == ("", "", None, None, None)


def test_an_import_can_still_be_undone(owner: User) -> None:
    job = import_file(owner, cards(ADA, BO))
    erase("Ada Example")
    job.refresh_from_db()
    lifecycle.undo(job)
    run(job)
    assert (job.state, job.reversed, job.kept, job.errored) == ("undone", 2, 0, 0)
    assert not Contact.objects.exists()


def test_a_preview_that_waits_does_not_bring_the_person_back(owner: User) -> None:
    import_file(owner, ADA)
    newer = card("Ada Example", uid="ada", emails=["ada@example.com"], lines=["TITLE:Countess"])
    waiting = run(start(owner, cards(newer, BO)))
    erase("Ada Example")
    waiting.refresh_from_db()
    assert (waiting.state, waiting.upload.name) == ("ready", "")
    lifecycle.confirm(waiting)
    run(waiting)
    assert (waiting.state, waiting.created, waiting.skipped, waiting.failed) == ("completed", 1, 1, 0)
    assert [contact.display_name for contact in Contact.objects.all()] == ["Bo Example"]
    # Nor does "import anyway".
    row = ImportRow.objects.get(job=waiting, position=1)
    assert deciding.decide_rows(waiting, [row.pk], "create") == 0


def test_importing_again_is_a_new_decision(owner: User) -> None:
    import_file(owner, ADA)
    erase("Ada Example")
    job = import_file(owner, ADA)
    assert (job.created, Contact.objects.get().notes) == (1, "Secret")


def test_rows_that_became_nobody_go_by_their_keys_and_those_of_others_stay(owner: User) -> None:
    import_file(owner, ADA)
    family = make_contact(owner, "Zoe Other", email="ada@example.com")
    deselected = run(start(owner, cards(card("Somebody Else", emails=["ada@example.com"]), BO)))
    lifecycle.confirm(deselected, row_ids=[])
    run(deselected)
    invalid = import_file(owner, "Name,E-mail 1 - Value\r\n,\r\n" + "BEGIN", "x.csv", mapping={"Name": "display_name"})
    of_family = import_file(owner, card("Zoe Other", emails=["ada@example.com"], lines=["TITLE:Aunt"]))
    erase("Ada Example")
    assert rows(deselected)[0][3:] == ("erased", None)
    assert rows(deselected)[1][4] == "Bo Example"
    assert [row[3] for row in rows(invalid)] == ["empty_row", "new"]
    assert rows(of_family)[0][4] == "Zoe Other"
    of_family.refresh_from_db()
    assert of_family.upload
    assert Contact.objects.filter(pk=family.pk).exists()


def test_a_picture_that_two_entries_of_a_file_share_stays_for_the_other(owner: User) -> None:
    photo = f"PHOTO;ENCODING=b;TYPE=JPEG:{base64.b64encode(draw_image()).decode()}"
    import_file(owner, cards(card("Ada Example", uid="a", lines=[photo]), card("Bo Example", uid="b", lines=[photo])))
    erase("Ada Example")
    drain("photos", seconds=None)
    job = Contact.objects.get().pictures.get().photo_job
    assert job.verdict == "ok"
    assert job.file.read()


def test_a_picture_of_an_entry_that_was_left_out_stays_until_it_is_imported_after_all(owner: User) -> None:
    photo = f"PHOTO;ENCODING=b;TYPE=JPEG:{base64.b64encode(draw_image()).decode()}"
    job = run(start(owner, cards(*(card(f"{name} Example", uid=name, lines=[photo]) for name in ("Ada", "Bo")))))
    first, second = job.rows.order_by("position")
    lifecycle.confirm(job, row_ids=[first.pk])
    run(job)
    erase("Ada Example")
    assert deciding.decide_rows(job, [second.pk], "create") == 1
    run(job)
    drain("photos", seconds=None)
    assert Contact.objects.get(display_name="Bo Example").pictures.get().photo_job.verdict == "ok"


def test_an_import_without_its_file_says_so_where_it_would_need_it(owner: User) -> None:
    table = "Name,E-mail 1 - Value\r\nAda Example,ada@example.com\r\n"
    mapping = {"Name": "display_name", "E-mail 1 - Value": "email"}
    import_file(owner, table, "people.csv", mapping=mapping)
    waiting = run(start(owner, table + "Bo Example,bo@example.com\r\n", "people.csv", mapping=mapping))
    erase("Ada Example")
    waiting.refresh_from_db()
    with pytest.raises(NotAllowed):
        lifecycle.set_mapping(waiting, mapping)
    assert len(list(failed_rows_csv(waiting))) == 1
    ImportJob.objects.filter(pk=waiting.pk).update(state="failed", resume_state="pending")
    lifecycle.retry(waiting)
    run(waiting)
    assert (waiting.state, waiting.error_code) == ("failed", "upload_gone")
    assert "held somebody who was erased" in waiting.last_error


def test_an_import_that_is_still_being_read_is_left_alone(owner: User) -> None:
    import_file(owner, ADA)
    coming = start(owner, cards(ADA, BO))
    erase("Ada Example")
    coming.refresh_from_db()
    assert (coming.state, bool(coming.upload)) == ("pending", True)
