"""The hybrid store: small files in PostgreSQL, large ones in the `files` tier."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import IO, Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage, storages
from django.core.files.utils import validate_file_name
from django.db import connection, transaction
from django.utils.deconstruct import deconstructible
from django.utils.encoding import filepath_to_uri

from media_store.models import BLOB_LIMIT, Blob, StoredFile

MAX_NAME = 255
UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]|^/|/$|//|(^|/)\.\.?(/|$)")

# Nothing is done for content that is there already, so that two transactions with the same picture do not wait for
# each other longer than for a new one; in the order of the hashes they cannot deadlock.
STORE_BLOBS = f"""
    insert into {Blob._meta.db_table} (sha256, data, size, content_type)
    select * from unnest(%s::text[], %s::bytea[], %s::int[], %s::text[])
    on conflict (sha256) do nothing
"""

# Content that was there already may be collected before this statement: the lock says whether it still is, and keeps it
# (see media_store.collecting, which waits for nobody). A file whose content has just gone is left out, to be tried
# again.
STORE_FILES = f"""
    with held as materialized (
        select sha256 from {Blob._meta.db_table} where sha256 = any(%s) order by sha256 for key share
    )
    insert into {StoredFile._meta.db_table} (name, blob_id, size, sha256, content_type)
    select file.name, held.sha256, file.size, held.sha256, file.content_type
    from unnest(%s::text[], %s::text[], %s::bigint[], %s::text[]) as file (name, sha256, size, content_type)
    join held on held.sha256 = file.sha256
"""

CONTENT = f"""
    select blob.data
    from {StoredFile._meta.db_table} file left join {Blob._meta.db_table} blob on blob.sha256 = file.blob_id
    where file.name = %s and file.deleted_at is null
"""

HOLD_BLOB = f"select sha256 from {Blob._meta.db_table} where sha256 = %s for key share"

STORE_LARGE = f"""
    insert into {StoredFile._meta.db_table} (name, blob_id, size, sha256, content_type)
    values (%s, null, %s, %s, %s) on conflict (name) do nothing
"""
# Two who write the same name at once must not write the same object; held until the end of the transaction.
CLAIM_NAME = "select pg_try_advisory_xact_lock(hashtext('stored file'), hashtext(%s))"


class HashingFile(File):  # type: ignore[type-arg]
    """What is left of `content` after `head`, hashed and counted while a storage reads it once from start to end."""

    def __init__(self, head: bytes, content: File[bytes]) -> None:
        super().__init__(content.file, name=content.name)
        self._head = head
        self._content = content
        self._hash = hashlib.sha256()
        self._count = 0

    def read(self, size: int | None = -1) -> bytes:
        """Return `size` bytes, fewer only at the end: storages take a short read for the end."""
        if size is None or size < 0:
            data: bytes = self._head + self._content.read()
            self._head = b""
        else:
            data, self._head = self._head[:size], self._head[size:]
            while len(data) < size and (piece := self._content.read(size - len(data))):
                data += piece
        self._hash.update(data)
        self._count += len(data)
        return data

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        while data := self.read(chunk_size or self.DEFAULT_CHUNK_SIZE):
            yield data

    def seekable(self) -> bool:
        """Storages must not rewind what has been hashed."""
        return False

    @property
    def size(self) -> int:
        """Bytes read so far."""
        return self._count

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


@deconstructible(path="media_store.storage.HybridStorage")
class HybridStorage(Storage):
    """Django storage that keeps files under 512,000 bytes in PostgreSQL and the rest in the `files` tier.

    Bytes are written first and the row, in the caller's transaction, last: a rollback leaves at most bytes without a
    row. `delete` only marks; the name stays taken until the bytes have gone. Reading a file that is missing or marked
    raises FileNotFoundError.
    """

    @property
    def files(self) -> Storage:
        """The tier of the large files."""
        return storages["files"]

    def store_many(self, files: Mapping[str, bytes], *, content_type: str) -> None:
        """Store many small files by two statements; the names (`o<owner>/…-<hash or random>`) must be new.

        Raises ValueError for content of 512,000 bytes or more, IntegrityError for a name that is taken.
        """
        if not files:
            return
        hashes = {checked_name(name): hashlib.sha256(content).hexdigest() for name, content in files.items()}
        largest = max(len(content) for content in files.values())
        if largest >= BLOB_LIMIT:
            raise ValueError(f"store_many takes files under {BLOB_LIMIT:,} bytes, not one of {largest:,}.")
        left = dict(files)
        while left:
            for name in _store_small(left, hashes, content_type=content_type):
                del left[name]

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        if mode != "rb":
            raise ValueError("Files of the hybrid store are opened for reading only.")
        stored = self._live(name, with_bytes=True)
        if stored.blob is not None:
            return ContentFile(bytes(stored.blob.data), name=name)
        return self.files.open(name)

    def _save(self, name: str, content: File[bytes]) -> str:
        checked_name(name)
        content_type = getattr(content, "content_type", "") or mimetypes.guess_type(name)[0]
        content_type = (content_type or "application/octet-stream")[:100]
        head = _read_at_most(content, BLOB_LIMIT)
        if len(head) < BLOB_LIMIT:
            return self._save_small(name, head, content_type)
        return self._save_large(name, HashingFile(head, content), content_type)

    def _save_small(self, name: str, data: bytes, content_type: str) -> str:
        digest = hashlib.sha256(data).hexdigest()
        while not _store_small({name: data}, {name: digest}, content_type=content_type, is_patient=True):
            name = self.get_available_name(name)
        return name

    def _save_large(self, name: str, content: HashingFile, content_type: str) -> str:
        """Store in the `files` tier, whose choice of name is also ours."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(CLAIM_NAME, [name])
            if cursor.fetchone() != (True,):
                raise FileExistsError(f"{name} is being written by somebody else.")
            name = self.files.save(name, content)
            cursor.execute(STORE_LARGE, [name, content.size, content.sha256, content_type])
            if not cursor.rowcount:
                raise FileExistsError(f"{name} was taken while it was being written.")
        return name

    def delete(self, name: str) -> None:
        """Mark the file as deleted; nothing happens when it is missing."""
        StoredFile.objects.filter(name=name).mark_deleted()

    def exists(self, name: str) -> bool:
        return StoredFile.objects.live().filter(name=name).exists()

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return `name`, varied where it is taken, cut where it is too long; a backslash is read as a slash."""
        name = name.replace("\\", "/")
        if UNSAFE.search(name):
            raise SuspiciousFileOperation(f"{name[:80]!r} is not a name for a stored file.")
        return super().get_available_name(name, max_length=min(max_length or MAX_NAME, MAX_NAME))

    def is_name_available(self, name: str, max_length: int | None = None) -> bool:
        """Names of deleted files stay taken until their bytes have gone."""
        is_too_long = max_length is not None and len(name) > max_length
        return not is_too_long and not StoredFile.objects.filter(name=name).exists()

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        prefix = f"{path.rstrip('/')}/" if path.strip("/") else ""
        names = StoredFile.objects.live().filter(name__startswith=prefix).values_list("name", flat=True)
        rests = [name[len(prefix) :].partition("/") for name in names]
        folders = {first for first, slash, _ in rests if slash}
        return sorted(folders), sorted(first for first, slash, _ in rests if not slash)

    def size(self, name: str) -> int:
        return self._live(name).size

    def url(self, name: str | None) -> str:
        """Return the address at which the owner and superusers get the file."""
        return f"/files/{filepath_to_uri(name or '')}"

    def get_created_time(self, name: str) -> datetime:
        return self._live(name).created_at

    def get_modified_time(self, name: str) -> datetime:
        """Content never changes under a name."""
        return self.get_created_time(name)

    def get_accessed_time(self, name: str) -> datetime:
        stored = self._live(name)
        return stored.last_accessed_at or stored.created_at

    def _live(self, name: str, *, with_bytes: bool = False) -> StoredFile:
        files = StoredFile.objects.live().select_related(*(["blob"] if with_bytes else []))
        stored = files.filter(name=name).first()
        if stored is None:
            raise FileNotFoundError(f"There is no file {name!r} in the store.")
        return stored


def read_content(name: str) -> bytes:
    """Return a whole file, by one small query where the database has it; FileNotFoundError as when opening it."""
    with connection.cursor() as cursor:
        cursor.execute(CONTENT, [name])
        found = cursor.fetchone()
    if found is None:
        raise FileNotFoundError(f"There is no file {name!r} in the store.")
    (data,) = found
    if data is not None:
        return bytes(data)
    with storages["files"].open(name) as file:
        content: bytes = file.read()
        return content


def checked_name(name: str) -> str:
    """Return `name` if it is a plain relative path of at most 255 characters, else raise SuspiciousFileOperation."""
    if not name or len(name) > MAX_NAME or UNSAFE.search(name):
        raise SuspiciousFileOperation(f"{name[:80]!r} is not a name for a stored file.")
    validate_file_name(name, allow_relative_path=True)
    return name


def store_blob(sha256: str, data: bytes | None, *, content_type: str) -> bool:
    """Store one content (`data`, None when it should be there already) and hold it until the transaction ends.

    Returns whether it is there: the collector may have been quicker.
    """
    with connection.cursor() as cursor:
        if data is not None:
            cursor.execute(STORE_BLOBS, _blob_columns([(sha256, data)], content_type))
        cursor.execute(HOLD_BLOB, [sha256])
        return cursor.fetchone() is not None


def _blob_columns(blobs: list[tuple[str, bytes]], content_type: str) -> list[list[Any]]:
    digests, contents = [digest for digest, _ in blobs], [content for _, content in blobs]
    return [digests, contents, [len(content) for content in contents], [content_type] * len(blobs)]


def _store_small(
    files: Mapping[str, bytes], hashes: Mapping[str, str], *, content_type: str, is_patient: bool = False
) -> list[str]:
    """Insert the contents and then the files; return the names that were stored.

    Left out is a file whose content was collected in between, and with `is_patient` one whose name is taken.
    """
    blobs = sorted({hashes[name]: content for name, content in files.items()}.items())
    names, digests = list(files), [hashes[name] for name in files]
    sizes = [len(content) for content in files.values()]
    conflict = "on conflict (name) do nothing" if is_patient else ""
    with connection.cursor() as cursor:
        cursor.execute(STORE_BLOBS, _blob_columns(blobs, content_type))
        cursor.execute(
            f"{STORE_FILES} {conflict} returning name",
            [digests, names, digests, sizes, [content_type] * len(names)],
        )
        return [name for (name,) in cursor.fetchall()]


def _read_at_most(content: IO[bytes] | File[bytes], limit: int) -> bytes:
    """Return the first `limit` bytes of `content`, fewer only at its end."""
    if content.seekable():
        content.seek(0)
    pieces: list[bytes] = []
    while limit > 0 and (piece := content.read(limit)):
        pieces.append(piece)
        limit -= len(piece)
    return b"".join(pieces)
