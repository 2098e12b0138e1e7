"""Access times are noted in memory and written once a minute, at the end of a process, and never in a view's way."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from media_store import serving
from media_store.access import AccessLog
from media_store.models import StoredFile
from tests.factories import make_contact, make_picture

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def make_files(count: int) -> list[str]:
    return [default_storage.save(f"o1/{number}.bin", ContentFile(b"x")) for number in range(count)]


def times() -> set[datetime | None]:
    return set(StoredFile.objects.values_list("last_accessed_at", flat=True))


@pytest.mark.django_db(transaction=True)
def test_a_minute_of_views_is_one_statement(django_assert_num_queries: object) -> None:
    names, log = make_files(20), AccessLog()
    with django_assert_num_queries(0):  # type: ignore[operator]
        for second in range(60):
            for name in names:
                log.note(name, now=NOW + timedelta(seconds=second))
    assert times() == {None}
    with django_assert_num_queries(1):  # type: ignore[operator]
        log.note(names[0], now=NOW + timedelta(seconds=60))
    assert times() == {NOW + timedelta(seconds=59), NOW + timedelta(seconds=60)}


@pytest.mark.django_db(transaction=True)
def test_nothing_is_written_in_somebodys_transaction() -> None:
    (name,), log = make_files(1), AccessLog()
    log.note(name, now=NOW)
    with transaction.atomic():
        log.note(name, now=NOW + timedelta(hours=1))
    assert times() == {None}


@pytest.mark.django_db
def test_an_older_time_does_not_replace_a_newer_one() -> None:
    (name,), log = make_files(1), AccessLog()
    for moment in (NOW, NOW - timedelta(hours=1)):
        log.note(name, now=moment)
        log.flush(now=moment)
    assert times() == {NOW}


@pytest.mark.django_db(transaction=True)
def test_rows_that_somebody_is_writing_are_not_waited_for() -> None:
    names, log = make_files(2), AccessLog()
    for name in names:
        log.note(name, now=NOW)
    flushed: list[int] = []

    def flush() -> None:
        with connection.cursor() as cursor:
            cursor.execute("set lock_timeout = '2s'")
        flushed.append(log.flush(now=NOW))
        connection.close()

    with transaction.atomic():
        StoredFile.objects.select_for_update().get(name=names[0])
        thread = threading.Thread(target=flush)
        thread.start()
        thread.join()
    assert flushed == [2]
    assert StoredFile.objects.get(name=names[1]).last_accessed_at == NOW
    assert StoredFile.objects.get(name=names[0]).last_accessed_at is None


@pytest.mark.django_db(transaction=True)
def test_the_end_of_a_process_writes_the_rest_also_after_a_fork() -> None:
    names = make_files(2)
    code = """
import os, django
django.setup()
from datetime import UTC, datetime
from django.db import connection
from media_store.access import accesses
now = datetime(2026, 11, 1, 12, tzinfo=UTC)
accesses.note("o1/0.bin", now=now)
if not (pid := os.fork()):
    assert not accesses._seen
    accesses.note("o1/1.bin", now=now)
else:
    assert os.waitpid(pid, 0)[1] == 0
"""
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=settings.BASE_DIR,
        check=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
    )
    assert names
    assert times() == {NOW}


@pytest.mark.django_db
def test_looking_at_a_picture_is_noted(owner: User, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AccessLog()
    monkeypatch.setattr(serving, "accesses", log)
    contact = make_contact(owner)
    make_picture(contact)
    client.force_login(owner)
    assert client.get(f"/images/contacts/{contact.pk}/avatar").status_code == 200
    assert times() == {None}
    assert log.flush(now=timezone.now()) == 1
    assert times() != {None}


def test_times_that_are_lost_at_the_end_of_a_process_are_one_line_in_the_log() -> None:
    code = """
import django
django.setup()
from datetime import UTC, datetime
from media_store.access import accesses
accesses.note("o1/0.bin", now=datetime(2026, 11, 1, 12, tzinfo=UTC))
"""
    nowhere = {"DATABASE_URL": "postgres://nobody@127.0.0.1:9/nothing", "LOG_FORMAT": "json"}
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=settings.BASE_DIR,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", **nowhere},
    )
    (line,) = (ended.stdout + ended.stderr).splitlines()
    assert '"event": "access_times_lost"' in line
