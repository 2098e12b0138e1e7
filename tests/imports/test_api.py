from __future__ import annotations

import csv
import io
import json

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils.dateparse import parse_datetime

from imports.models import ImportJob, ImportRow
from tests.factories import make_contact
from tests.imports.builders import card, cards, import_file, plan_file, run, start

pytestmark = pytest.mark.django_db

ROOT = "/api/v1/contacts/import"
PEOPLE = cards(card("Ada Example", uid="u1"), card("Ben Example", emails=["ben@example.com"]), card())
STATUS_KEYS = [
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
]


@pytest.fixture
def web(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def upload(web: Client, content: str = PEOPLE, name: str = "people.vcf", **fields: str) -> object:
    file = SimpleUploadedFile(name, content.encode())
    return web.post(f"{ROOT}/upload", {"file": file, **fields})


def test_a_file_goes_from_upload_to_contacts(web: Client, owner: User) -> None:
    answer = upload(web)
    assert answer.status_code == 201  # type: ignore[attr-defined]
    body = answer.json()  # type: ignore[attr-defined]
    assert list(body) == STATUS_KEYS
    assert (body["provider"], body["status"], body["progress_percent"]) == ("vcard", "pending", 0)
    job = run(ImportJob.objects.get(pk=body["id"], owner=owner))

    preview = web.get(f"{ROOT}/jobs/{job.pk}/preview").json()
    assert preview["counts"] == {"create": 2, "invalid": 1}
    assert preview["total"] == 3
    first = preview["items"][0]
    assert (first["decision"], first["reason"], first["is_selected"]) == ("create", "new", True)
    assert first["reason_text"].startswith("Nobody with this")
    assert first["contact"]["display_name"] == "Ada Example"

    confirmed = web.post(f"{ROOT}/jobs/{job.pk}/confirm", {"import_all": True}, content_type="application/json")
    assert confirmed.json()["status"] == "confirmed"
    run(job)
    status = web.get(f"{ROOT}/status/{job.pk}").json()
    assert {key: status[key] for key in ("status", "total_contacts", "imported_contacts", "failed_contacts")} == {
        "status": "completed",
        "total_contacts": 3,
        "imported_contacts": 2,
        "failed_contacts": 1,
    }
    assert (status["progress_percent"], status["processed_contacts"]) == (100, 3)
    started, ended = parse_datetime(status["started_at"]), parse_datetime(status["completed_at"])
    assert started is not None
    assert ended is not None
    assert status["duration_seconds"] == pytest.approx((ended - started).total_seconds(), abs=0.01)


def test_chosen_rows_are_confirmed_by_their_ids(web: Client, owner: User) -> None:
    job = plan_file(owner, PEOPLE)
    row = job.rows.get(position=2)
    web.post(f"{ROOT}/jobs/{job.pk}/confirm", {"row_ids": [row.pk]}, content_type="application/json")
    run(job)
    assert (job.created, job.skipped) == (1, 1)


@pytest.mark.parametrize("body", [{}, {"row_ids": [1], "import_all": True}])
def test_a_confirmation_says_which_rows(web: Client, owner: User, body: dict[str, object]) -> None:
    job = plan_file(owner, PEOPLE)
    answer = web.post(f"{ROOT}/jobs/{job.pk}/confirm", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_the_preview_comes_in_pages_and_by_decision(web: Client, owner: User) -> None:
    job = plan_file(owner, PEOPLE)
    page = web.get(f"{ROOT}/jobs/{job.pk}/preview?limit=1&offset=1").json()
    assert [row["position"] for row in page["items"]] == [2]
    invalid = web.get(f"{ROOT}/jobs/{job.pk}/preview?decision=invalid").json()
    assert (invalid["total"], [row["position"] for row in invalid["items"]]) == (1, [3])
    assert web.get(f"{ROOT}/jobs/{job.pk}/preview?limit=100000").status_code == 422


def test_a_matched_row_names_its_contact_and_changes(web: Client, owner: User) -> None:
    contact = make_contact(owner, "Ben Example", email="ben@example.com", given_name="Ben", family_name="Example")
    job = plan_file(owner, card("Ben Example", emails=["ben@example.com"], lines=["TITLE:Cook"]))
    (row,) = web.get(f"{ROOT}/jobs/{job.pk}/preview").json()["items"]
    assert row["contact_id"] == str(contact.pk)
    assert row["changes"] == {"fields": {"title": {"old": "", "new": "Cook"}}}


def test_the_list_is_newest_first_filtered_and_paged(web: Client, owner: User, other_owner: User) -> None:
    first, second = import_file(owner, PEOPLE), start(owner, PEOPLE)
    start(other_owner, PEOPLE)
    everything = web.get(f"{ROOT}/list").json()
    assert (everything["total"], [item["id"] for item in everything["items"]]) == (2, [second.pk, first.pk])
    assert [item["id"] for item in web.get(f"{ROOT}/list?status=completed").json()["items"]] == [first.pk]
    assert web.get(f"{ROOT}/list?provider=csv").json()["total"] == 0
    assert [item["id"] for item in web.get(f"{ROOT}/list?limit=1&offset=1").json()["items"]] == [first.pk]


def test_actions_move_the_job_and_refuse_in_a_wrong_state(web: Client, owner: User) -> None:
    job = start(owner, PEOPLE)
    assert web.post(f"{ROOT}/jobs/{job.pk}/pause").status_code == 200
    assert web.post(f"{ROOT}/jobs/{job.pk}/resume").status_code == 200
    assert web.post(f"{ROOT}/jobs/{job.pk}/cancel").json()["status"] == "cancelled"
    again = web.post(f"{ROOT}/jobs/{job.pk}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "not_allowed")
    assert web.post(f"{ROOT}/jobs/{job.pk}/retry").json()["status"] == "pending"


def test_failed_rows_come_as_csv_with_reasons(web: Client, owner: User) -> None:
    text = "First Name,Last Name,Organization Name,E-mail 1 - Label,E-mail 1 - Value\r\n"
    text += "Ada,Example,Acme,,ada@example.com\r\n,,,=cmd|'x'!A1,\r\n,,+Other,,,surplus\r\n"
    job = import_file(owner, text, "contacts.csv")
    answer = web.get(f"{ROOT}/jobs/{job.pk}/failed.csv")
    assert answer["Content-Type"].startswith("text/csv")
    assert "attachment" in answer["Content-Disposition"]
    header, *rows = csv.reader(io.StringIO(b"".join(answer.streaming_content).decode()))  # type: ignore[attr-defined]
    assert header == [*text.splitlines()[0].split(","), "Reason code", "Reason"]
    assert [row[2:4] for row in rows] == [["", "'=cmd|'x'!A1"], ["'+Other", ""]]
    assert rows[0][5] == "no_name_or_address"
    assert rows[1][-2] == "too_many_columns_in_row"


def test_failed_cards_come_with_their_text(web: Client, owner: User) -> None:
    job = import_file(owner, cards(card("Ada"), card(lines=["NOTE:lost"])))
    answer = web.get(f"{ROOT}/jobs/{job.pk}/failed.csv")
    header, row = csv.reader(io.StringIO(b"".join(answer.streaming_content).decode()))  # type: ignore[attr-defined]
    assert header == ["Entry", "Card", "Reason code", "Reason"]
    assert row[0] == "2"
    assert "NOTE:lost" in row[1]


@pytest.mark.parametrize(
    ("content", "name", "fields", "status", "code"),
    [
        ("", "empty.vcf", {}, 422, "invalid_request"),
        ("\0\1\2", "junk.bin", {}, 400, "not_recognised"),
        ("a,b\r\n1,2\r\n", "a.csv", {"mapping": "[]"}, 400, "invalid_mapping"),
        ("a,b\r\n1,2\r\n", "a.csv", {"mapping": '{"c":"email"}'}, 400, "unknown_column"),
        (PEOPLE, "a.vcf", {"on_conflict": "guess"}, 422, "invalid_request"),
    ],
)
def test_refusals_are_told_in_one_shape(
    web: Client, content: str, name: str, fields: dict[str, str], status: int, code: str
) -> None:
    answer = upload(web, content, name, **fields)
    assert answer.status_code in (status, 400)  # type: ignore[attr-defined]
    body = answer.json()  # type: ignore[attr-defined]
    assert list(body) == ["error", "code"]
    assert body["code"] in (code, "empty_file")
    assert not ImportJob.objects.exists()


def test_a_file_over_the_limit_is_told_with_413(web: Client, settings: pytest.FixtureRequest) -> None:
    settings.IMPORT_VCARD_MAX_BYTES = 10  # type: ignore[attr-defined]
    answer = upload(web)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")  # type: ignore[attr-defined]


PATHS = [
    ("get", "status/{id}"),
    ("get", "jobs/{id}/preview"),
    ("get", "jobs/{id}/failed.csv"),
    ("post", "jobs/{id}/confirm"),
    ("post", "jobs/{id}/cancel"),
    ("post", "jobs/{id}/retry"),
    ("post", "jobs/{id}/pause"),
    ("post", "jobs/{id}/resume"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_imports_of_others_are_not_there(
    client: Client, owner: User, other_owner: User, method: str, path: str
) -> None:
    job = plan_file(owner, PEOPLE)
    client.force_login(other_owner)
    body = {"data": json.dumps({"import_all": True}), "content_type": "application/json"} if method == "post" else {}
    foreign = getattr(client, method)(f"{ROOT}/{path.format(id=job.pk)}", **body)
    missing = getattr(client, method)(f"{ROOT}/{path.format(id=job.pk + 1000)}", **body)
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert foreign.content == missing.content
    job.refresh_from_db()
    assert (job.state, job.held_reason) == (ImportJob.State.READY, "")


def test_an_import_that_waits_for_a_person_says_for_what(web: Client) -> None:
    file = SimpleUploadedFile("people.csv", b"Who,Way to reach\nAda Example,ada@example.com\n")
    answer = web.post(f"{ROOT}/upload", {"file": file})
    assert (answer.status_code, answer.json()["error_message"]) == (201, "Columns must be mapped")


@pytest.mark.parametrize("query", ["list?offset=99999999999999999999", "list?status=%00", "list?provider=a%00"])
def test_nonsense_in_the_query_is_refused(web: Client, query: str) -> None:
    assert web.get(f"{ROOT}/{query}").status_code == 422


def test_foreign_rows_cannot_be_confirmed(web: Client, owner: User, other_owner: User) -> None:
    job, foreign = plan_file(owner, PEOPLE), plan_file(other_owner, PEOPLE)
    ids = list(foreign.rows.values_list("pk", flat=True))
    answer = web.post(f"{ROOT}/jobs/{job.pk}/confirm", {"row_ids": ids}, content_type="application/json")
    assert answer.status_code == 409
    assert not ImportRow.objects.filter(selected=False).exists()


def test_a_superuser_sees_all_imports(client: Client, owner: User, admin_user: User) -> None:
    job = start(owner, PEOPLE)
    client.force_login(admin_user)
    assert client.get(f"{ROOT}/status/{job.pk}").status_code == 200


@pytest.mark.parametrize(("method", "path"), [*PATHS, ("get", "list"), ("post", "upload")])
def test_nobody_gets_in_without_a_session(client: Client, owner: User, method: str, path: str) -> None:
    answer = getattr(client, method)(f"{ROOT}/{path.format(id=1)}")
    assert answer.status_code == 401
    assert answer.json() == {"error": "Sign in first.", "code": "not_signed_in"}


def test_posts_need_the_csrf_token(owner: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(owner)
    job = plan_file(owner, PEOPLE)
    answer = strict.post(f"{ROOT}/jobs/{job.pk}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert strict.post(f"{ROOT}/upload", {"file": SimpleUploadedFile("a.vcf", PEOPLE.encode())}).status_code == 403
    job.refresh_from_db()
    assert job.state == ImportJob.State.READY


def test_progress_is_real_in_each_phase(web: Client, owner: User) -> None:
    job = start(owner, PEOPLE)

    def percent(**fields: object) -> int:
        ImportJob.objects.filter(pk=job.pk).update(**fields)
        return int(web.get(f"{ROOT}/status/{job.pk}").json()["progress_percent"])

    half = {"offset": job.upload_size // 2}
    seen = [
        percent(cursor=half),
        percent(state="fetched", total=10, processed=0, cursor={}),
        percent(processed=5),
        percent(state="ready", processed=10),
        percent(state="confirmed", processed=0),
        percent(processed=5),
        percent(state="failed", resume_state="confirmed"),
        percent(state="completed", processed=10),
    ]
    assert seen == [14 if job.upload_size % 2 else 15, 30, 40, 50, 50, 75, 75, 100]


def test_the_documentation_is_for_staff(client: Client, owner: User) -> None:
    assert client.get("/api/docs").status_code == 302
    client.force_login(owner)
    assert client.get("/api/docs").status_code == 200
