"""Undoing by the API, the command and the page of the import."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from config.jobs.draining import drain
from contacts.models import Contact
from imports.models import ImportJob, ImportRow
from tests.admin.rows import make_member
from tests.factories import make_user
from tests.imports.builders import import_file, many_cards, plan_file

API = "/api/v1/contacts/import"
STATUS = {
    "id",
    "provider",
    "status",
    "total_contacts",
    "processed_contacts",
    "imported_contacts",
    "skipped_contacts",
    "failed_contacts",
    "progress_percent",
    "started_at",
    "completed_at",
    "duration_seconds",
    "error_message",
}

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(client: Client) -> User:
    member = make_member("carol")
    client.force_login(member)
    return member


def import_three(owner: User) -> ImportJob:
    """Import three people, one of whom is edited afterwards."""
    job = import_file(owner, many_cards(3))
    Contact.objects.filter(owner=owner, display_name="Given1 Family1").update(title="Director")
    return job


def command(job: ImportJob) -> dict[str, Any]:
    out = io.StringIO()
    call_command("undo_import", job.pk, json=True, stdout=out)
    return dict(json.loads(out.getvalue()))


def test_the_api_undoes_and_says_what_became_of_each_row(client: Client, member: User) -> None:
    job = import_three(member)
    answer = client.post(f"{API}/jobs/{job.pk}/undo").json()
    assert set(answer) == STATUS
    assert answer["status"] == "undo_requested"
    drain("imports", seconds=None, is_ringing=False)
    status = client.get(f"{API}/status/{job.pk}").json()
    assert (set(status), status["status"], status["progress_percent"]) == (STATUS, "undone", 100)
    undone = client.get(f"{API}/jobs/{job.pk}/undone", {"undo": "kept"}).json()
    assert undone["counts"] == {"reversed": 2, "kept": 1, "errored": 0}
    assert [(row["position"], row["reason"]) for row in undone["items"]] == [(2, "edited")]
    again = client.post(f"{API}/jobs/{job.pk}/undo")
    assert again.status_code == 409
    assert "undone already" in again.json()["error"]


def test_a_foreign_import_is_not_there(client: Client, member: User) -> None:
    job = import_three(make_user("stranger"))
    assert client.post(f"{API}/jobs/{job.pk}/undo").status_code == 404
    assert client.get(f"{API}/jobs/{job.pk}/undone").status_code == 404
    body = {"row_ids": [], "how": "create"}
    assert client.post(f"{API}/jobs/{job.pk}/rows", body, content_type="application/json").status_code == 404


def test_rows_are_decided_by_the_api(client: Client, member: User) -> None:
    job = plan_file(member, many_cards(1) * 2)
    row = ImportRow.objects.get(job=job, position=2)
    body = {"row_ids": [row.pk], "how": "create"}
    answer = client.post(f"{API}/jobs/{job.pk}/rows", body, content_type="application/json").json()
    assert answer["decided"] == 1
    row.refresh_from_db()
    assert row.decision == "create"


def test_the_command_waits_for_the_end_and_a_second_one_says_that_there_is_nothing_to_do(owner: User) -> None:
    job = import_three(owner)
    answer = command(job)
    assert answer.pop("duration_ms") >= 0
    expected = {"job_id": job.pk, "state": "undone", "reversed": 2, "kept": 1, "errored": 0}
    assert answer == {**expected, "is_undone_already": False}
    assert command(job)["is_undone_already"] is True
    out = io.StringIO()
    call_command("undo_import", job.pk, stdout=out)
    assert "nothing to do" in out.getvalue()


def test_the_command_refuses_what_cannot_be_undone(owner: User) -> None:
    with pytest.raises(CommandError, match="has ended"):
        call_command("undo_import", plan_file(owner, many_cards(1)).pk)
    with pytest.raises(CommandError, match="no import 999999"):
        call_command("undo_import", 999_999)


def test_the_page_shows_the_buckets_and_the_rows_of_each(client: Client, member: User) -> None:
    job = import_three(member)
    page = reverse("admin:imports_importjob_change", args=[job.pk])
    assert "Undo this import" in client.get(page).content.decode()
    client.post(reverse("admin:imports_importjob_act", args=[job.pk]), {"verb": "undo"})
    drain("imports", seconds=None, is_ringing=False)
    shown = client.get(page).content.decode()
    assert "Undo this import" not in shown
    assert "no longer what the import wrote" in shown
    rows = client.get(reverse("admin:imports_importjob_rows", args=[job.pk]), {"undo": "kept"}).content.decode()
    assert "Given1 Family1" in rows
    assert "Given0 Family0" not in rows


def test_left_out_rows_are_imported_from_the_page(client: Client, member: User) -> None:
    job = import_file(member, many_cards(1) * 2)
    address = reverse("admin:imports_importjob_rows", args=[job.pk])
    row = ImportRow.objects.get(job=job, position=2)
    assert f'name="decided" value="{row.pk}"' in client.get(address).content.decode()
    client.post(address, {"decided": [row.pk], "how": "create"})
    drain("imports", seconds=None, is_ringing=False)
    assert Contact.objects.filter(owner=member).count() == 2
