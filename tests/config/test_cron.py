from __future__ import annotations

import io
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.test import Client

from contacts.models import Contact
from imports import lifecycle
from imports.models import ImportJob
from media_store.models import PhotoJob
from tests.factories import make_photo_job

pytestmark = pytest.mark.django_db

SECRET = "a-secret-of-at-least-32-characters-0123456789"
IMPORTS, PHOTOS = "/api/cron/process-imports", "/api/cron/process-contact-photos"
CARD = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada Example\r\nEMAIL:ada@example.com\r\nEND:VCARD\r\n"


@pytest.fixture(autouse=True)
def configured(settings: LazySettings) -> None:
    settings.CRON_SECRET = SECRET


def call(address: str, **headers: str) -> Any:
    return Client(enforce_csrf_checks=True).post(address, headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {SECRET[:-1]}"},
        {"Authorization": f"Bearer {SECRET}x"},
        {"Authorization": f"Bearer {SECRET.upper()}"},
        {"Authorization": f"Basic {SECRET}"},
        {"Authorization": SECRET},
        {"X-Cron-Secret": ""},
        {"X-Cron-Secret": "пароль"},
        {"x-vercel-cron": "1"},
        {"X-Forwarded-For": "127.0.0.1"},
    ],
)
def test_nobody_gets_in_without_the_secret(headers: dict[str, str]) -> None:
    response = call(IMPORTS, **headers)
    assert response.status_code == 401
    assert response.json()["code"] == "not_authorized"
    assert "Set-Cookie" not in response


def test_the_secret_in_the_query_string_proves_nothing() -> None:
    assert Client().get(f"{IMPORTS}?secret={SECRET}&cron_secret={SECRET}").status_code == 401


def test_a_signed_in_superuser_proves_nothing(admin_user: User, client: Client) -> None:
    client.force_login(admin_user)
    assert client.get(IMPORTS).status_code == 401


@pytest.mark.parametrize("given", ["", SECRET])
def test_it_is_closed_when_no_secret_is_configured(settings: LazySettings, given: str) -> None:
    settings.CRON_SECRET = ""
    assert call(IMPORTS, **{"X-Cron-Secret": given}).status_code == 401
    assert call(IMPORTS, Authorization=f"Bearer {given}").status_code == 401


@pytest.mark.parametrize("headers", [{"Authorization": f"Bearer {SECRET}"}, {"X-Cron-Secret": SECRET}])
def test_the_secret_opens_it_in_either_header_and_nothing_is_cached(headers: dict[str, str]) -> None:
    response = call(PHOTOS, **headers)
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in response


def test_other_methods_are_refused() -> None:
    assert Client().delete(IMPORTS, headers={"X-Cron-Secret": SECRET}).status_code == 405


def test_it_runs_due_imports_and_names_them(owner: User) -> None:
    good = lifecycle.start_upload(owner, file=io.BytesIO(CARD), name="a.vcf", has_preview=False)
    lost = lifecycle.start_upload(owner, file=io.BytesIO(CARD), name="b.vcf", has_preview=False)
    ImportJob.objects.filter(pk=lost.pk).update(upload="o1/uploads/gone")
    answer = call(IMPORTS, **{"X-Cron-Secret": SECRET}).json()
    assert Contact.objects.get().display_name == "Ada Example"
    assert answer.pop("duration_ms") >= 0
    assert answer == {
        "message": "Processed 1, failed 1.",
        "processed": 1,
        "failed": 1,
        "job_ids": {"processed": [good.pk], "failed": [lost.pk]},
    }
    assert call(IMPORTS, **{"X-Cron-Secret": SECRET}).json()["processed"] == 0


def test_it_runs_due_photos_and_answers_as_run_jobs_does(owner: User) -> None:
    job = make_photo_job(owner, source_url="http://127.0.0.1:1/a.jpg")
    answer = call(PHOTOS, **{"X-Cron-Secret": SECRET}).json()
    assert set(answer) == {"processed", "completed", "retried", "failed", "message", "duration_ms"}
    assert (answer["processed"], answer["failed"]) == (1, 1)
    assert PhotoJob.objects.get(pk=job.pk).verdict == "unsafe"
