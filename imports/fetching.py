"""First step of an import: bring a file or an account into rows, page by page."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.db import connection

from config.jobs.draining import Budget
from config.jobs.failures import CursorFailure, PermanentFailure, TemporaryFailure
from config.jobs.leases import fenced
from config.jobs.settling import Settlement, progressed, settle
from contacts.identifiers import uuid7
from contacts.incoming import IncomingContact
from imports.entries import Parsed, content_identity, to_parsed
from imports.listing import begun_again
from imports.models import ImportJob, ImportRow
from imports.pages import Page
from imports.presence import note_presence, rename
from imports.readers import ReadError, ReadRow
from imports.reasons import Reason
from imports.sources import embedded, open_source
from imports.turns import THROTTLED, Turn, throttled
from media_store.models import BLOB_LIMIT, StoredFile
from media_store.storage import HybridStorage

log = structlog.get_logger(__name__)

Decision = ImportRow.Decision

ANALYZE_FROM_ROWS = 10_000

COLUMNS = [
    "job_id",
    "position",
    "external_id",
    "etag",
    "parsed",
    "raw",
    "photo",
    "decision",
    "reason",
    "error",
    "contact_id",
]
# Only what is joined and searched by: reading samples of the long texts takes ten times as long.
ANALYZE = f"analyze {ImportRow._meta.db_table} (job_id, position, external_id, decision, contact_id, joined_to)"
COPY = f"copy {ImportRow._meta.db_table} ({', '.join(COLUMNS)}) from stdin"
ENCODE = json.JSONEncoder(ensure_ascii=False).encode
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def fetch(job: ImportJob, budget: Budget) -> list[Settlement]:
    """Read on from the job's cursor; each page commits its rows, its pictures and the cursor together."""
    turn = Turn(budget, is_short=job.account_id is not None)
    try:
        with open_source(job) as source:
            for page in source.pages():
                with fenced(job):
                    _save_page(job, page)
                if turn.is_over():
                    return settle([progressed(job)])
    except ReadError as error:
        raise PermanentFailure(str(error), code=error.code) from error
    except CursorFailure as failure:
        return _begin_again(job, failure)
    except TemporaryFailure as failure:
        if failure.code != THROTTLED:
            raise
        return settle([throttled(job, failure)])
    return _finish(job)


def _begin_again(job: ImportJob, failure: CursorFailure) -> list[Settlement]:
    """Forget what was listed and list it anew, as the provider has lost the place."""
    try:
        cursor = begun_again(job.cursor, failure)
    except PermanentFailure:
        with fenced(job):
            ImportJob.objects.filter(pk=job.pk).update(cursor={**job.cursor, "restarts": 0})
        raise
    log.info("listing_begun_again", job=job.pk, code=failure.code, restarts=cursor["restarts"])
    with fenced(job):
        ImportRow.objects.filter(job_id=job.pk).delete()
        ImportJob.objects.filter(pk=job.pk).update(cursor=cursor, total=0, processed=0, crashes=0)
        return settle([progressed(job)])


def _finish(job: ImportJob) -> list[Settlement]:
    if job.total >= ANALYZE_FROM_ROWS:
        # The planner knows nothing of the new rows, and the next step joins all of them.
        with connection.cursor() as cursor:
            cursor.execute(ANALYZE)
    with fenced(job):
        if job.account_id:
            job.total = note_presence(job, prefixes=job.cursor["all_of"])
        ImportJob.objects.filter(pk=job.pk).update(cursor={}, processed=0, total=job.total)
        return settle([progressed(job, state=ImportJob.State.FETCHED)])


def _save_page(job: ImportJob, page: Page) -> None:
    _set_pictures_aside(job, page.rows)
    rename(job, page.renamed)
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for row in page.rows:
            copy.write_row(_values(job, row))
    job.cursor = page.cursor
    job.total = page.cursor["position"]
    ImportJob.objects.filter(pk=job.pk).update(
        cursor=page.cursor,
        total=job.total,
        processed=job.total,
        attempts=0,
        crashes=0,
        **({} if page.account_cursor is None else {"account_cursor": page.account_cursor}),
    )


def _set_pictures_aside(job: ImportJob, page: list[ReadRow]) -> None:
    """Store the embedded pictures of a page; one that several entries of the job share is stored once."""
    pictures = {_picture_name(job, content): content for row in page if (content := embedded(row))}
    for name in StoredFile.objects.filter(name__in=pictures).values_list("name", flat=True):
        del pictures[name]
    for name, content in [entry for entry in pictures.items() if len(entry[1]) >= BLOB_LIMIT]:
        # A crash before the row was written leaves these bytes behind, and `save` would take another name.
        storages["files"].delete(name)
        default_storage.save(name, ContentFile(content))
        del pictures[name]
    HybridStorage().store_many(pictures, content_type="application/octet-stream")


def _values(job: ImportJob, row: ReadRow) -> tuple[Any, ...]:
    contact, raw = row.contact, _storable(row.raw)
    if contact is None or contact.is_empty():
        reason = row.reason or Reason.NO_NAME_OR_ADDRESS
        error = row.error or Reason.NO_NAME_OR_ADDRESS.sentence
        # Of somebody from an account it is known who it is, and that they are (or are no longer) there.
        identity = contact.external_id if contact is not None and job.account_id else ""
        decision = Decision.SKIP if reason == Reason.GONE_AT_SOURCE else Decision.INVALID
        return (job.pk, row.position, identity, "", "{}", raw, "", decision, str(reason), error, None)
    parsed = to_parsed(contact)
    return (
        job.pk,
        row.position,
        contact.external_id or content_identity(parsed),
        contact.etag,
        _json(parsed),
        raw,
        _photo(job, contact),
        Decision.SKIP if row.reason else Decision.CREATE,
        row.reason or Reason.NEW,
        "",
        uuid7(),
    )


def _json(parsed: Parsed) -> str:
    text = ENCODE(parsed)
    if "\\u0000" in text or not text.isascii():
        text = UNSTORABLE.sub("", text.replace("\\u0000", ""))
    return text


def _storable(text: str) -> str:
    return text if text.isascii() and "\0" not in text else UNSTORABLE.sub("\ufffd", text)


def _photo(job: ImportJob, contact: IncomingContact) -> str:
    if contact.photo is None:
        return ""
    return contact.photo.url or contact.photo.reference or _picture_name(job, contact.photo.content)


def _picture_name(job: ImportJob, content: bytes) -> str:
    return f"o{job.owner_id}/imports/{job.pk}-{hashlib.sha256(content).hexdigest()}"
