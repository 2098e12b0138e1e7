"""Pictures of Microsoft's contacts, for media_store: source kind `graph`, twenty to a request.

https://learn.microsoft.com/graph/api/profilephoto-get and …/graph/json-batching
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from itertools import groupby
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from config.jobs.failures import JobFailure, PermissionFailure, TemporaryFailure, parse_retry_after
from imports.answers import Object, number, object_at, objects, text
from imports.microsoft.mailbox import IMMUTABLE, Mailbox
from imports.models import ProviderAccount
from media_store.fetching import FetchError
from media_store.models import PhotoJob
from media_store.sources import Answer

KIND = "graph"
BATCH = 20
REFERENCE_MAX = 255

Verdict = PhotoJob.Verdict

NO_PICTURE = "The contact has no picture there."
STATUSES = {
    401: (Verdict.DENIED, "Microsoft does not let us see this picture."),
    403: (Verdict.DENIED, "Microsoft does not let us see this picture."),
    404: (Verdict.GONE, NO_PICTURE),
    410: (Verdict.GONE, NO_PICTURE),
    429: (Verdict.RATE_LIMITED, "Microsoft asks us to wait."),
}
CODES = {
    "throttled": Verdict.RATE_LIMITED,
    "timeout": Verdict.TIMEOUT,
    "connection_failed": Verdict.CONNECTION_FAILED,
    "tls_error": Verdict.TLS_ERROR,
}


def reference(account_id: UUID, contact_id: str, *, version: str) -> str:
    """Return what `PhotoJob.source_ref` says of a picture; "" for an id that is too long."""
    found = f"{KIND}:{account_id.hex}:{version}:{contact_id}"
    return found if len(found) <= REFERENCE_MAX else ""


def photo_jobs(account_id: UUID) -> QuerySet[PhotoJob]:
    """Return the jobs that have yet to ask for pictures of this account."""
    jobs = PhotoJob.objects.filter(source_kind=KIND, source_ref__startswith=f"{KIND}:{account_id.hex}:")
    return jobs.exclude(state__in=PhotoJob.FINAL_STATES)


def fetch_many(jobs: Sequence[PhotoJob]) -> dict[int, Answer]:
    """Return, by job id, the bytes of each picture or why there are none; for media_store.sources."""
    answers: dict[int, Answer] = {}
    ordered = sorted(jobs, key=lambda job: (_account_of(job), job.pk))
    for account_hex, own in groupby(ordered, key=_account_of):
        of_account = list(own)
        account = ProviderAccount.objects.filter(pk=UUID(account_hex)).first() if account_hex else None
        mine = [job for job in of_account if account is not None and job.owner_id == account.owner_id]
        answers |= {job.pk: FetchError(Verdict.GONE, "The account is no longer here.") for job in of_account}
        if account is not None and mine:
            answers |= _fetch_of(account, mine)
    return answers


def _fetch_of(account: ProviderAccount, jobs: list[PhotoJob]) -> dict[int, Answer]:
    answers: dict[int, Answer] = {}
    with Mailbox(account) as mailbox:
        for start in range(0, len(jobs), BATCH):
            try:
                answers |= _fetch_batch(mailbox, jobs[start : start + BATCH])
            except JobFailure as failure:
                # The rest would meet the same.
                answers |= {job.pk: _failure(failure) for job in jobs[start:]}
                break
    return answers


def _fetch_batch(mailbox: Mailbox, jobs: list[PhotoJob]) -> dict[int, Answer]:
    """Ask for these by one request; by two smaller ones when the answer is more than we take."""
    try:
        found = mailbox.batch([_part(job) for job in jobs])
    except JobFailure as failure:
        if failure.code != "too_large" or len(jobs) == 1:
            raise
        middle = len(jobs) // 2
        return {**_fetch_batch(mailbox, jobs[:middle]), **_fetch_batch(mailbox, jobs[middle:])}
    known = {str(job.pk): job.pk for job in jobs}
    # In any order; one that is missing has failed for now.
    parts = objects(found, "responses")
    return {known[text(part, "id")]: _picture(part) for part in parts if text(part, "id") in known}


def _part(job: PhotoJob) -> dict[str, Any]:
    contact_id = job.source_ref.split(":", 3)[3]
    url = f"/me/contacts/{quote(contact_id, safe='')}/photo/$value"
    return {"id": str(job.pk), "method": "GET", "url": url, "headers": {"Prefer": IMMUTABLE}}


def _picture(part: Object) -> Answer:
    status = number(part, "status")
    if status != 200:
        verdict, message = STATUSES.get(status, (Verdict.SERVER_ERROR, f"Microsoft answered {status}."))
        headers = object_at(part, "headers")
        asked = next((str(headers[name]) for name in headers if name.casefold() == "retry-after"), "")
        return FetchError(verdict, message, retry_after=parse_retry_after(asked, now=timezone.now()))
    body = part.get("body")
    try:
        content = base64.b64decode(body, validate=True) if isinstance(body, str) else b""
    except (binascii.Error, ValueError):
        content = b""
    if len(content) > settings.PHOTO_MAX_BYTES:
        return FetchError(Verdict.TOO_LARGE, f"The picture is larger than {settings.PHOTO_MAX_BYTES:,} bytes.")
    return content or FetchError(Verdict.NOT_AN_IMAGE, "Microsoft sent no picture.")


def _failure(failure: JobFailure) -> FetchError:
    if isinstance(failure, PermissionFailure):
        return FetchError(Verdict.DENIED, str(failure))
    retry_after = failure.retry_after if isinstance(failure, TemporaryFailure) else None
    return FetchError(CODES.get(failure.code, Verdict.SERVER_ERROR), str(failure), retry_after=retry_after)


def _account_of(job: PhotoJob) -> str:
    parts = job.source_ref.split(":", 3)
    try:
        return UUID(parts[1]).hex if len(parts) == 4 else ""
    except ValueError:
        return ""
