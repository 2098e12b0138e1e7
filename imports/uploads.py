"""The uploaded file of an import job: how it is recognised, kept and read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, cast

from django.conf import settings

from config.jobs.failures import PermanentFailure
from contacts.regions import phone_region
from imports.models import ImportJob
from imports.readers import Limits, ReadRow, csv, vcard

LARGEST = {
    ImportJob.Provider.VCARD: "IMPORT_VCARD_MAX_BYTES",
    ImportJob.Provider.CSV: "IMPORT_CSV_MAX_BYTES",
}
"""The setting with the size limit in bytes of each kind of file."""

EXPLANATION = ("Reason code", "Reason")
"""The columns that a file of failed rows has beside those of the original."""

CARD = ("Entry", "Card")
"""The columns that stand for a failed vCard: its place in the file, and its text."""


def read_upload(job: ImportJob) -> Iterator[ReadRow]:
    """Yield the rows of the job's file from its cursor on; raises ReadError when the file cannot be read."""
    is_csv = job.provider == ImportJob.Provider.CSV
    if not job.upload:
        raise PermanentFailure("The uploaded file was removed, as it held somebody who was erased.", code="upload_gone")
    try:
        # Before the reading begins: both go through one file object, which the layout closes behind itself.
        mapping = job.mapping or (explained_mapping(read_layout(job)) if is_csv else None)
        upload = job.upload.open("rb")
    except FileNotFoundError:
        raise PermanentFailure("The uploaded file is no longer there.", code="upload_gone") from None
    place = {"offset": job.cursor.get("offset", 0), "position": job.cursor.get("position", 0)}
    with upload:
        stream = cast("BinaryIO", upload)
        region = phone_region(job.owner_id)
        if job.provider == ImportJob.Provider.VCARD:
            yield from vcard.read(stream, region=region, limits=limits(), **place)
        else:
            yield from csv.read(stream, mapping=mapping, region=region, limits=limits(), **place)


def read_layout(job: ImportJob) -> csv.CsvLayout:
    """Return what the beginning of the job's CSV file tells; raises ReadError or FileNotFoundError."""
    with job.upload.open("rb") as upload:
        return csv.inspect(upload.read(csv.HEAD_SIZE))


def limits() -> Limits:
    return Limits(
        max_rows=settings.IMPORT_MAX_ROWS,
        max_columns=settings.IMPORT_MAX_COLUMNS,
        max_photo_bytes=settings.PHOTO_MAX_BYTES,
    )


def is_failed_cards(header: Sequence[str]) -> bool:
    """Say whether these are the columns of our own list of failed vCards."""
    return tuple(header) == (*CARD, *EXPLANATION)


def explained_mapping(layout: csv.CsvLayout) -> dict[str, str] | None:
    """Return the mapping of a CSV file of failed rows: the original's, without our reasons; None for other files."""
    if tuple(layout.header[-len(EXPLANATION) :]) != EXPLANATION:
        return None
    return {**layout.mapping, **dict.fromkeys(EXPLANATION, "ignore")}
