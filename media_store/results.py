"""What came of one picture, decided without the ORM, so that threads can do it."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace

import structlog
from django.conf import settings

from config.jobs.failures import PermanentFailure, PermissionFailure, TemporaryFailure
from media_store.fetching import Fetched, FetchError, fetch
from media_store.models import PhotoJob
from media_store.processing import ImageRefused
from media_store.sandbox import SandboxUnavailable, sandbox
from media_store.sources import is_uncertain

log = structlog.get_logger(__name__)

Kind = PhotoJob.SourceKind
Verdict = PhotoJob.Verdict

TEMPORARY = {
    Verdict.TIMEOUT,
    Verdict.RATE_LIMITED,
    Verdict.SERVER_ERROR,
    Verdict.CONNECTION_FAILED,
    Verdict.STORAGE_ERROR,
}

NOTHING_NEW = "The server says that nothing has changed, but we have no picture from it."


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one job, before it is stored: a new picture in `webp`, nothing new, or a failure.

    `seconds` is the time of the download, None when there was none.
    """

    job: PhotoJob
    verdict: str
    failure: Exception | None = None
    webp: bytes = b""
    sha256: str = ""
    source_sha256: str = ""
    etag: str = ""
    last_modified: str = ""
    bytes: int = 0
    seconds: float | None = None


def download(job: PhotoJob, *, has_picture: bool) -> tuple[Fetched | FetchError, float]:
    """Ask the job's web address, for changes only if the present picture is really there; also the seconds it took."""
    started_at = time.monotonic()
    found: Fetched | FetchError
    try:
        found = fetch(
            job.source_url,
            allowed_hosts=settings.PHOTO_ALLOWED_HOSTS,
            max_bytes=settings.PHOTO_MAX_BYTES,
            deadline_seconds=settings.PHOTO_DEADLINE_SECONDS,
            etag=job.etag if has_picture else "",
            last_modified=job.last_modified if has_picture else "",
        )
    except FetchError as error:
        found = error
    return found, time.monotonic() - started_at


def decode(job: PhotoJob, found: Fetched | FetchError, *, has_picture: bool, seconds: float | None = None) -> Result:
    """Return what came of the bytes that were found; `has_picture`: the present file is really there."""
    return replace(_decoded(job, found, has_picture=has_picture), seconds=seconds)


def unexpected(job: PhotoJob, error: Exception) -> Result:
    """Return a failure of our own; the job is tried again."""
    log.error("photo_failed", job=job.pk, exc_info=error)
    return Result(job=job, verdict=Verdict.STORAGE_ERROR, failure=error)


def _decoded(job: PhotoJob, found: Fetched | FetchError, *, has_picture: bool) -> Result:
    if isinstance(found, FetchError):
        return failed_result(job, found.verdict, found)
    if found.content is None and not has_picture:
        return failed_result(job, Verdict.SERVER_ERROR, FetchError(Verdict.SERVER_ERROR, NOTHING_NEW))
    same = Result(
        job=job,
        verdict=Verdict.UNCHANGED,
        sha256=job.sha256,
        source_sha256=job.source_sha256,
        etag=_fitting(found.etag, 255),
        last_modified=_fitting(found.last_modified, 60),
    )
    if found.content is None:
        return replace(same, etag=same.etag or job.etag, last_modified=same.last_modified or job.last_modified)
    source_sha256, size = hashlib.sha256(found.content).hexdigest(), len(found.content)
    if has_picture and source_sha256 == job.source_sha256:
        return replace(same, bytes=size)
    try:
        webp = sandbox.square_webp(found.content)
    except ImageRefused as refusal:
        return failed_result(job, refusal.verdict, refusal, size=size)
    except SandboxUnavailable as problem:
        return failed_result(job, Verdict.STORAGE_ERROR, problem, size=size)
    good = replace(same, source_sha256=source_sha256, bytes=size)
    sha256 = hashlib.sha256(webp).hexdigest()
    if has_picture and sha256 == job.sha256:
        return good
    return replace(good, verdict=Verdict.OK, webp=webp, sha256=sha256)


def failed_result(job: PhotoJob, verdict: str, error: Exception, *, size: int = 0) -> Result:
    """Return a failure; its verdict decides whether another try can help."""
    if verdict in (Verdict.GONE, Verdict.PLACEHOLDER) and is_uncertain(job.source_kind):
        kept = {name: getattr(job, name) for name in ("sha256", "source_sha256", "etag", "last_modified")}
        return Result(job=job, verdict=verdict, bytes=size, **kept)
    message = str(error)
    failure: Exception = PermanentFailure(message, code=verdict)
    if verdict in TEMPORARY:
        retry_after = error.retry_after if isinstance(error, FetchError) else None
        failure = TemporaryFailure(message, code=verdict, retry_after=retry_after)
    elif verdict == Verdict.DENIED and job.source_kind != Kind.URL:
        failure = PermissionFailure(message, code=verdict)
    return Result(job=job, verdict=verdict, failure=failure, bytes=size)


def _fitting(value: str, limit: int) -> str:
    """Return a validator as the server wrote it, empty when it has no room: half of one is none."""
    return value if len(value) <= limit and value.isprintable() else ""
