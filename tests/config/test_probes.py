from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from config.jobs.models import WorkerBeat
from tests.factories import make_photo_job

pytestmark = pytest.mark.django_db

TOKEN = "a-token-of-at-least-32-characters-0123456789"


@pytest.fixture
def beating() -> WorkerBeat:
    return WorkerBeat.objects.create(name="here", beat_at=timezone.now())


def test_healthz_answers_without_asking_the_database(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        response = client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok")


def test_readyz_is_200_when_all_is_well(client: Client, beating: WorkerBeat) -> None:
    response = client.get("/readyz")
    assert response.json() == {"database": "ok", "migrations": "ok", "storage": "ok", "workers": "ok"}
    assert response.status_code == 200


def test_readyz_leaves_nothing_in_the_storage(client: Client, beating: WorkerBeat, settings: LazySettings) -> None:
    before = set(Path(settings.MEDIA_DIR).rglob("*"))
    client.get("/readyz")
    assert set(Path(settings.MEDIA_DIR).rglob("*")) == before


def test_silent_workers_are_503(client: Client, beating: WorkerBeat) -> None:
    WorkerBeat.objects.update(beat_at=timezone.now() - timedelta(seconds=181))
    response = client.get("/readyz")
    assert (response.status_code, response.json()["workers"]) == (503, "silent for 180 seconds")


def test_a_pending_migration_is_503(client: Client, beating: WorkerBeat) -> None:
    with connection.cursor() as cursor:
        cursor.execute("delete from django_migrations where app = 'imports'")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["migrations"].endswith("not applied")


def test_a_storage_that_cannot_be_written_is_503(
    client: Client, beating: WorkerBeat, settings: LazySettings, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    files = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": tmp_path / "file" / "below"},
    }
    settings.STORAGES = {**settings.STORAGES, "files": files}
    response = client.get("/readyz")
    assert (response.status_code, response.json()["storage"]) == (503, "cannot be written")


def test_metrics_need_the_token(client: Client, settings: LazySettings, admin_user: User) -> None:
    settings.METRICS_TOKEN = TOKEN
    client.force_login(admin_user)
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401


def test_metrics_count_jobs_by_state_and_the_age_of_the_oldest(
    client: Client, settings: LazySettings, owner: User
) -> None:
    settings.METRICS_TOKEN = TOKEN
    make_photo_job(owner, next_attempt_at=timezone.now() - timedelta(minutes=5))
    make_photo_job(owner, is_stored=True)
    text = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()
    assert 'kith_jobs{queue="photos",state="pending"} 1.0' in text
    assert 'kith_jobs{queue="photos",state="completed"} 1.0' in text
    age = float(text.split('kith_oldest_due_seconds{queue="photos"} ')[1].split()[0])
    assert 299 < age < 400
    assert 'kith_oldest_due_seconds{queue="imports"} 0.0' in text
