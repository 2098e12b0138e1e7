"""The rows of an import that did not become contacts, as a CSV file to look at, repair and import again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from django.db.models import Q, QuerySet
from django.http import StreamingHttpResponse

from contacts.exporting.cells import safe_cell
from imports.models import ImportJob, ImportRow
from imports.readers import ReadError
from imports.reasons import Reason, sentence_of
from imports.uploads import CARD, EXPLANATION, read_layout


def failed_rows(job: ImportJob) -> QuerySet[ImportRow]:
    """Return the rows that failed or cannot be contacts, in the order of the file."""
    is_failed = Q(outcome=ImportRow.Outcome.FAILED) | Q(decision=ImportRow.Decision.INVALID)
    return ImportRow.objects.filter(is_failed, job=job).exclude(reason=Reason.ERASED).order_by("position")


def failed_rows_csv(job: ImportJob) -> Iterator[str]:
    """Yield the lines of a CSV file: the columns of the original (for vCards the card), reason code and sentence."""
    header, delimiter = _original(job)
    yield _line([*header, *EXPLANATION])
    for row in failed_rows(job).only("position", "raw", "reason", "error").iterator(chunk_size=500):
        cells = [str(row.position), row.raw] if delimiter is None else _cells(row.raw, delimiter, width=len(header))
        yield _line([*cells, row.reason, row.error or sentence_of(row.reason)])


def failed_rows_answer(job: ImportJob) -> StreamingHttpResponse:
    """Answer with `failed_rows_csv` as a download that no browser opens and no proxy keeps."""
    response = StreamingHttpResponse(failed_rows_csv(job), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="import-{job.pk}-failed.csv"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


def _original(job: ImportJob) -> tuple[list[str], str | None]:
    """Return header and delimiter of the job's CSV file; of a vCard file, or one that is gone, there is neither."""
    if job.provider != ImportJob.Provider.CSV:
        return list(CARD), None
    try:
        layout = read_layout(job)
    except (ReadError, FileNotFoundError, ValueError):
        return list(CARD), None
    return layout.header, layout.delimiter


def _cells(raw: str, delimiter: str, *, width: int) -> list[str]:
    try:
        cells = next(csv.reader(io.StringIO(raw, newline=""), delimiter=delimiter), [])
    except csv.Error:
        cells = [raw]
    return [*cells, *[""] * (width - len(cells))]


def _line(cells: Iterable[str]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line).writerow([safe_cell(cell) for cell in cells])
    return line.getvalue()
