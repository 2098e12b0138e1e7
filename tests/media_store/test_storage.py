"""The hybrid store: two tiers, one content once, bytes before rows, deletes that only mark."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from typing import IO, cast

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction

from media_store.models import BLOB_LIMIT, Blob, StoredFile
from media_store.storage import HybridStorage
from tests.media_store.conftest import FilesTier

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tier")]

SMALL, LARGE = b"small", os.urandom(BLOB_LIMIT)


def test_content_under_the_limit_goes_to_the_database(tier: FilesTier) -> None:
    name = default_storage.save("o1/a.bin", ContentFile(LARGE[:-1]))
    stored = StoredFile.objects.get(name=name)
    assert stored.blob is not None
    assert stored.sha256 == stored.blob.sha256 == hashlib.sha256(LARGE[:-1]).hexdigest()
    assert default_storage.open(name).read() == LARGE[:-1]
    assert tier.names() == set()


def test_content_of_the_limit_goes_to_the_files_tier(tier: FilesTier) -> None:
    name = default_storage.save("o1/large.bin", ContentFile(LARGE))
    stored = StoredFile.objects.get(name=name)
    assert (stored.blob, stored.size, stored.sha256) == (None, BLOB_LIMIT, hashlib.sha256(LARGE).hexdigest())
    assert tier.names() == {name}
    with default_storage.open(name) as file:
        assert file.read() == LARGE


def test_a_large_file_is_never_whole_in_memory(tier: FilesTier) -> None:
    """Read by pieces of at most 8 MB (S3 sends so much at once), also when the upload cannot be rewound."""

    class Upload(io.RawIOBase):
        left, largest = 20_000_000, 0

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            assert 0 < size < 10_000_000
            data = bytes(min(size, self.left, 40_000))
            self.left -= len(data)
            return data

    name = default_storage.save("o1/video.bin", File(cast("IO[bytes]", Upload()), name="video.bin"))
    stored = StoredFile.objects.get(name=name)
    assert (stored.size, stored.sha256) == (20_000_000, hashlib.sha256(bytes(20_000_000)).hexdigest())
    assert tier.storage.size(name) == 20_000_000


def test_the_same_content_is_kept_once() -> None:
    first = default_storage.save("o1/a.bin", ContentFile(SMALL))
    second = default_storage.save("o2/b.bin", ContentFile(SMALL))
    assert Blob.objects.count() == 1
    default_storage.delete(first)
    assert default_storage.open(second).read() == SMALL


def test_a_taken_name_is_varied_and_keeps_its_content() -> None:
    first = default_storage.save("o1/a.bin", ContentFile(b"one"))
    second = default_storage.save("o1/a.bin", ContentFile(b"two"))
    assert first != second
    assert default_storage.open(first).read() == b"one"
    assert default_storage.open(second).read() == b"two"


def test_the_name_of_a_deleted_file_stays_taken() -> None:
    name = default_storage.save("o1/a.bin", ContentFile(b"one"))
    default_storage.delete(name)
    assert default_storage.save("o1/a.bin", ContentFile(b"two")) != name


def test_deleting_marks_and_keeps_the_bytes(tier: FilesTier) -> None:
    for content in (SMALL, LARGE):
        name = default_storage.save("o1/a.bin", ContentFile(content))
        default_storage.delete(name)
        default_storage.delete(name)
        assert not default_storage.exists(name)
        with pytest.raises(FileNotFoundError):
            default_storage.open(name)
        stored = StoredFile.objects.get(name=name)
        assert stored.deleted_at is not None
        assert name in tier.names() if stored.blob_id is None else Blob.objects.filter(pk=stored.blob_id).exists()


def test_a_rollback_leaves_no_row_and_no_deletion() -> None:
    kept = default_storage.save("o1/kept.bin", ContentFile(SMALL))
    with transaction.atomic():
        default_storage.delete(kept)
        small = default_storage.save("o1/small.bin", ContentFile(b"other"))
        large = default_storage.save("o1/large.bin", ContentFile(LARGE))
        transaction.set_rollback(True)
    assert default_storage.exists(kept)
    assert not default_storage.exists(small)
    assert not default_storage.exists(large)


def test_a_missing_file_of_the_files_tier_is_not_found(tier: FilesTier) -> None:
    name = default_storage.save("o1/large.bin", ContentFile(LARGE))
    tier.remove(name)
    with pytest.raises(FileNotFoundError):
        default_storage.open(name)


@pytest.mark.parametrize(
    "name",
    ["../a", "o1/../../etc/passwd", "/etc/passwd", "o1//a", "o1/./a", "o1/a/", "o1/a\x00", "o1/\n", "", ".."],
)
def test_names_that_lead_elsewhere_are_refused(name: str, tier: FilesTier) -> None:
    for content in (SMALL, LARGE):
        with pytest.raises(SuspiciousFileOperation):
            default_storage.save(name or "/", ContentFile(content))
    with pytest.raises(SuspiciousFileOperation):
        HybridStorage().store_many({name: SMALL}, content_type="image/webp")
    assert not StoredFile.objects.exists()
    assert tier.names() == set()


def test_a_name_that_can_be_mended_is_mended_or_refused() -> None:
    assert default_storage.save("o1\\a", ContentFile(SMALL)) == "o1/a"
    name = default_storage.save(f"o1/{'x' * 300}.bin", ContentFile(SMALL))
    assert len(name) <= 255
    assert name.endswith(".bin")
    with pytest.raises(SuspiciousFileOperation):
        HybridStorage().store_many({"x" * 256: SMALL}, content_type="image/webp")
    with pytest.raises(SuspiciousFileOperation):
        HybridStorage().store_many({"o1\\a": SMALL}, content_type="image/webp")


def test_many_files_are_stored_by_two_statements(django_assert_num_queries: object) -> None:
    files = {f"o1/photos/{number}.webp": b"picture %d" % (number % 7) for number in range(50)}
    with django_assert_num_queries(2):  # type: ignore[operator]
        HybridStorage().store_many(files, content_type="image/webp")
    assert Blob.objects.count() == 7
    assert {name: default_storage.open(name).read() for name in files} == files
    assert set(StoredFile.objects.values_list("content_type", flat=True)) == {"image/webp"}


def test_many_files_refuse_a_taken_name_and_a_large_content() -> None:
    HybridStorage().store_many({"o1/a.webp": SMALL}, content_type="image/webp")
    with pytest.raises(IntegrityError), transaction.atomic():
        HybridStorage().store_many({"o1/b.webp": SMALL, "o1/a.webp": b"other"}, content_type="image/webp")
    with pytest.raises(ValueError, match="512,000"):
        HybridStorage().store_many({"o1/c.webp": LARGE}, content_type="image/webp")
    HybridStorage().store_many({}, content_type="image/webp")
    assert StoredFile.objects.count() == 1


def test_the_rest_of_the_storage_api() -> None:
    name = default_storage.save("o1/photos/a b.webp", ContentFile(SMALL))
    default_storage.save("o1/c.txt", ContentFile(SMALL))
    stored = StoredFile.objects.get(name=name)
    assert default_storage.size(name) == 5
    assert default_storage.url(name) == "/files/o1/photos/a%20b.webp"
    assert default_storage.get_modified_time(name) == default_storage.get_created_time(name) == stored.created_at
    assert default_storage.get_accessed_time(name) == stored.created_at
    assert default_storage.listdir("o1") == (["photos"], ["c.txt"])
    assert default_storage.listdir("") == (["o1"], [])
    assert (stored.content_type, default_storage.open(name).name) == ("image/webp", name)
    with pytest.raises(ValueError, match="reading"):
        default_storage.open(name, "wb")


def test_pictures_are_not_compressed_again() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select attstorage from pg_attribute where attrelid = %s::regclass and attname = 'data'",
            [Blob._meta.db_table],
        )
        assert cursor.fetchone() in (("e",), (b"e",))


@pytest.mark.django_db(transaction=True)
def test_two_transactions_may_store_the_same_content_at_once() -> None:
    errors: list[Exception] = []
    barrier = threading.Barrier(4)

    def store(number: int) -> None:
        try:
            barrier.wait(5)
            for turn in range(10):
                files = {f"o{number}/{turn}-{index}": b"%d" % index for index in range(20)}
                HybridStorage().store_many(files, content_type="image/webp")
        except Exception as error:  # noqa: BLE001 (a thread has nobody else to tell)
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=store, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert (Blob.objects.count(), StoredFile.objects.count()) == (20, 800)
