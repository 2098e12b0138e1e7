"""First step of an import: read the upload into rows, page by page."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.db import connection

from config.jobs.draining import Budget
from config.jobs.failures import PermanentFailure
from config.jobs.leases import fenced
from config.jobs.settling import Settlement, progressed, settle
from contacts.identifiers import uuid7
from contacts.incoming import IncomingContact
from imports.entries import Parsed, content_identity, to_parsed
from imports.models import ImportJob, ImportRow
from imports.readers import ReadError, ReadRow
from imports.reasons import Reason
from imports.uploads import read_upload
from media_store.models import BLOB_LIMIT, StoredFile
from media_store.storage import HybridStorage

PAGE_ROWS = 1_000
PAGE_PICTURE_BYTES = 16_000_000
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
COPY = f"copy {ImportRow._meta.db_table} ({', '.join(COLUMNS)}) from stdin"
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def fetch(job: ImportJob, budget: Budget) -> list[Settlement]:
    """Read on from the job's cursor; each page commits its rows, its pictures and the cursor together."""
    try:
        for page in _pages(read_upload(job)):
            with fenced(job):
                _save_page(job, page)
            if budget.is_spent():
                return settle([progressed(job)])
    except ReadError as error:
        raise PermanentFailure(str(error), code=error.code) from error
    if job.total >= ANALYZE_FROM_ROWS:
        # The planner knows nothing of the new rows, and the next step joins all of them.
        with connection.cursor() as cursor:
            cursor.execute(f"analyze {ImportRow._meta.db_table}")
    with fenced(job):
        ImportJob.objects.filter(pk=job.pk).update(cursor={}, processed=0)
        return settle([progressed(job, state=ImportJob.State.FETCHED)])


def _pages(rows: Iterable[ReadRow]) -> Iterator[list[ReadRow]]:
    """Cut into pages of at most 1,000 rows and about 16 MB of embedded pictures."""
    page: list[ReadRow] = []
    picture_bytes = 0
    for row in rows:
        page.append(row)
        picture_bytes += len(_embedded(row))
        if len(page) >= PAGE_ROWS or picture_bytes >= PAGE_PICTURE_BYTES:
            yield page
            page, picture_bytes = [], 0
    if page:
        yield page


def _save_page(job: ImportJob, page: list[ReadRow]) -> None:
    _set_pictures_aside(job, page)
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for row in page:
            copy.write_row(_values(job, row))
    last = page[-1]
    job.total = last.position
    ImportJob.objects.filter(pk=job.pk).update(
        cursor={"position": last.position, "offset": last.offset},
        total=last.position,
        processed=last.position,
        crashes=0,
    )


def _set_pictures_aside(job: ImportJob, page: list[ReadRow]) -> None:
    """Store the embedded pictures of a page; one that several entries of the job share is stored once."""
    pictures = {_picture_name(job, content): content for row in page if (content := _embedded(row))}
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
        return (job.pk, row.position, "", "", "{}", raw, "", ImportRow.Decision.INVALID, str(reason), error, None)
    parsed = to_parsed(contact)
    return (
        job.pk,
        row.position,
        contact.external_id or content_identity(parsed),
        contact.etag,
        _json(parsed),
        raw,
        _photo(job, contact),
        ImportRow.Decision.CREATE,
        Reason.NEW,
        "",
        uuid7(),
    )


def _json(parsed: Parsed) -> str:
    text = json.dumps(parsed, ensure_ascii=False)
    if "\\u0000" in text or not text.isascii():
        text = UNSTORABLE.sub("", text.replace("\\u0000", ""))
    return text


def _storable(text: str) -> str:
    return text if text.isascii() and "\0" not in text else UNSTORABLE.sub("\ufffd", text)


def _embedded(row: ReadRow) -> bytes:
    return row.contact.photo.content if row.contact is not None and row.contact.photo is not None else b""


def _photo(job: ImportJob, contact: IncomingContact) -> str:
    if contact.photo is None:
        return ""
    return contact.photo.url or _picture_name(job, contact.photo.content)


def _picture_name(job: ImportJob, content: bytes) -> str:
    return f"o{job.owner_id}/imports/{job.pk}-{hashlib.sha256(content).hexdigest()}"
