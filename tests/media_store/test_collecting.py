"""What nobody names goes, after a time and in steps; what is being stored at the same moment stays."""

from __future__ import annotations

import os
import threading
import time
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone

from imports.models import ImportJob
from media_store.collecting import Busy, alone, collect, drop_blobs
from media_store.models import BLOB_LIMIT, Blob, PhotoJob, StoredFile
from media_store.references import references
from media_store.storage import HybridStorage
from tests.factories import make_photo_job
from tests.media_store.conftest import FilesTier

LARGE = os.urandom(BLOB_LIMIT)


def save(name: str, content: bytes = b"small") -> str:
    return default_storage.save(name, ContentFile(content))


def after(hours: float) -> datetime:
    return timezone.now() + timedelta(hours=hours)


@pytest.mark.django_db
def test_every_file_field_is_a_reference() -> None:
    found = {str(reference) for reference in references()}
    assert {
        "media_store.photojob.file",
        "media_store.photojob.previous_file",
        "media_store.photojob.source_ref",
        "media_store.partimage.image",
        "media_store.supportvideo.file",
        "media_store.supportvideo.thumbnail",
        "contacts.userprofile.photo",
        "contacts.organization.logo",
        "imports.importjob.upload",
        "imports.importrow.photo",
    } <= found


@pytest.mark.django_db
def test_an_unnamed_file_goes_in_three_steps(tier: FilesTier) -> None:
    small, large = save("o1/small.bin"), save("o1/large.bin", LARGE)
    assert collect(now=after(47)).as_counts()["marked"]["files"] == 0
    marked = collect(now=after(49))
    assert (marked.marked.files, marked.marked.bytes) == (2, 5 + BLOB_LIMIT)
    assert tier.names() == {large}
    assert collect(now=after(40)).freed.files == 0
    freed = collect(now=after(49))
    assert (freed.freed.files, freed.blobs.files) == (2, 1)
    assert tier.names() == set()
    assert not StoredFile.objects.exists()
    assert not Blob.objects.exists()
    assert small


@pytest.mark.django_db
def test_named_files_stay(tier: FilesTier, owner: User) -> None:
    job = make_photo_job(owner, is_stored=True)
    source, previous = save("o1/source.jpg"), save("o1/previous.webp")
    PhotoJob.objects.filter(pk=job.pk).update(source_kind="stored", source_ref=source, previous_file=previous)
    ImportJob.objects.create(owner=owner, provider="csv", upload=save("o1/uploads/large", LARGE))
    for _ in range(3):
        collected = collect(now=after(10_000))
        assert {amount["files"] for amount in collected.as_counts().values()} == {0}
    assert StoredFile.objects.live().count() == 4


@pytest.mark.django_db
def test_a_marked_file_that_is_named_again_keeps_its_bytes(tier: FilesTier, owner: User) -> None:
    name = save("o1/large.bin", LARGE)
    collect(now=after(49))
    ImportJob.objects.create(owner=owner, provider="csv", upload=name)
    collect(now=after(100))
    assert tier.names() == {name}
    assert StoredFile.objects.filter(name=name).exists()


@pytest.mark.django_db
def test_a_dry_run_counts_and_changes_nothing(tier: FilesTier) -> None:
    name = save("o1/large.bin", LARGE)
    default_storage.delete(save("o1/small.bin"))
    Blob.objects.create(sha256="0" * 64, data=b"x", size=1, content_type="text/plain")
    counted = collect(now=after(49), is_dry_run=True)
    assert (counted.marked.files, counted.freed.files, counted.blobs.files) == (1, 1, 1)
    assert default_storage.exists(name)
    assert Blob.objects.count() == 2


@pytest.mark.django_db
def test_a_shared_content_stays_while_one_file_has_it(owner: User) -> None:
    first = save("o1/a.bin")
    ImportJob.objects.create(owner=owner, provider="csv", upload=save("o2/b.bin"))
    default_storage.delete(first)
    collected = collect(now=after(49))
    assert (collected.freed.files, collected.blobs.files) == (1, 0)


@pytest.mark.django_db(transaction=True)
def test_one_collects_at_a_time() -> None:
    problems: list[Exception] = []

    def other() -> None:
        try:
            collect(now=after(49))
        except Busy as busy:
            problems.append(busy)
        finally:
            connection.close()

    with alone():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(problems) == 1
    collect(now=after(49))


@pytest.mark.django_db(transaction=True)
def test_content_that_is_being_stored_again_is_skipped_without_waiting() -> None:
    default_storage.save("o1/a.bin", ContentFile(b"one"))
    StoredFile.objects.all().delete()
    dropped: list[int] = []

    def collector() -> None:
        dropped.append(drop_blobs(after(1)).files)
        connection.close()

    with transaction.atomic():
        HybridStorage().store_many({"o1/b.bin": b"one"}, content_type="text/plain")
        thread = threading.Thread(target=collector)
        thread.start()
        thread.join(5)
        assert dropped == [0]
    assert default_storage.open("o1/b.bin").read() == b"one"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_many", [True, False])
def test_content_that_goes_between_two_statements_is_stored_again(is_many: bool) -> None:
    """The collector deletes the blob after `on conflict do nothing` has found it, and before the file is inserted."""
    default_storage.save("o1/a.bin", ContentFile(b"one"))
    StoredFile.objects.all().delete()
    runs: list[str] = []

    def collector() -> None:
        drop_blobs(after(1))
        connection.close()

    def interfere(execute: object, sql: str, params: object, many: bool, context: object) -> object:
        if "with held as" in sql and not runs:
            runs.append(sql)
            thread = threading.Thread(target=collector)
            thread.start()
            thread.join(5)
            assert not Blob.objects.filter(data=b"one").exists()
        return execute(sql, params, many, context)  # type: ignore[operator]

    with transaction.atomic(), connection.execute_wrapper(interfere):
        if is_many:
            HybridStorage().store_many({"o1/b.bin": b"one", "o1/c.bin": b"two"}, content_type="text/plain")
        else:
            default_storage.save("o1/b.bin", ContentFile(b"one"))
    assert runs
    assert default_storage.open("o1/b.bin").read() == b"one"


@pytest.mark.django_db(transaction=True)
def test_storing_and_collecting_at_once_lose_nothing() -> None:
    errors: list[BaseException] = []
    until = time.monotonic() + 3

    def guarded(work: object) -> None:
        try:
            work()  # type: ignore[operator]
        except BaseException as error:  # noqa: BLE001 (a thread has nobody else to tell)
            errors.append(error)
        finally:
            connection.close()

    def store(number: int) -> None:
        turn = 0
        while time.monotonic() < until:
            files = {f"o{number}/{turn}-{index}": b"%d" % index for index in range(10)}
            HybridStorage().store_many(files, content_type="image/webp")
            assert {name: default_storage.open(name).read() for name in files} == files
            StoredFile.objects.filter(name__in=files).delete()
            turn += 1

    def drop() -> None:
        while time.monotonic() < until:
            drop_blobs(after(1))

    works = [lambda: store(1), lambda: store(2), lambda: store(3), drop]
    threads = [threading.Thread(target=guarded, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
