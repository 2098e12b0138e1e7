"""The `files` tier on S3 or any server that speaks its protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import File
from storages.backends.s3 import S3Storage

from media_store.tiers import Entry

P = ParamSpec("P")
T = TypeVar("T")

CREDENTIALS = "Check S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY, and that they may use the bucket."
EXPLAINED = {
    "AccessDenied": CREDENTIALS,
    "Forbidden": CREDENTIALS,
    "403": CREDENTIALS,
    "InvalidAccessKeyId": CREDENTIALS,
    "SignatureDoesNotMatch": CREDENTIALS,
    "NoSuchBucket": "Check S3_BUCKET.",
}


class S3Refused(OSError):
    """The S3 server could not be reached or did not do what was asked; the message says which setting to check."""


@contextmanager
def explained(bucket: str) -> Iterator[None]:
    """Raise what boto3 raises in the block as S3Refused, and a missing object as FileNotFoundError."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in ("404", "NoSuchKey"):
            raise FileNotFoundError("The bucket has no such object.") from error
        advice = EXPLAINED.get(code, str(error))
        raise S3Refused(f"The S3 bucket {bucket!r} refused ({code}). {advice}") from error
    except BotoCoreError as error:
        raise S3Refused(f"The S3 server of bucket {bucket!r} cannot be used. {error}") from error


def _explaining(method: Callable[P, T]) -> Callable[P, T]:
    @wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        with explained(args[0].bucket_name):  # type: ignore[attr-defined]
            return method(*args, **kwargs)

    return call


class S3Tier(S3Storage):
    """django-storages' S3 storage, private and with errors that are OSError as those of a folder are."""

    @_explaining
    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        file: File[bytes] = super()._open(name, mode)
        return file

    @_explaining
    def _save(self, name: str, content: File[bytes]) -> str:
        return str(super()._save(name, content))

    @_explaining
    def delete(self, name: str) -> None:
        super().delete(name)

    @_explaining
    def exists(self, name: str) -> bool:
        return bool(super().exists(name))

    @_explaining
    def size(self, name: str) -> int:
        return int(super().size(name))

    def read_range(self, name: str, *, start: int, end: int, chunk: int) -> Iterator[bytes]:
        """Return the bytes from `start` to `end`, both included, in pieces; asks the server before it returns."""
        with explained(self.bucket_name):
            found = self.bucket.Object(name).get(Range=f"bytes={start}-{end}")
        pieces: Iterator[bytes] = found["Body"].iter_chunks(chunk)
        return pieces

    def walk(self, *, start_after: str = "") -> Iterator[Entry]:
        """Give all objects in the order of their names as bytes, a thousand to a request."""
        options: dict[str, Any] = {"Marker": start_after} if start_after else {}
        with explained(self.bucket_name):
            for item in self.bucket.objects.filter(**options):
                yield Entry(item.key, item.size, item.last_modified)
