from __future__ import annotations

import csv
from collections.abc import Iterator

from django.http import StreamingHttpResponse

from imports.models import ImportJob, ImportRow

HEADER = ["position", "outcome", "reason", "name", "raw"]
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


class Echo:
    """A file that gives back what is written to it, so that the csv module can feed a stream."""

    def write(self, value: str) -> str:
        return value


def failed_rows_csv(job: ImportJob) -> StreamingHttpResponse:
    """Answer with the rows that did not make it, why, and what the source said; for spreadsheets, so nothing runs."""
    response = StreamingHttpResponse(_lines(job), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="import-{job.pk}-failed.csv"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


def _lines(job: ImportJob) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield "\ufeff" + str(writer.writerow(HEADER))
    failed = job.rows.filter(outcome__in=[ImportRow.Outcome.INVALID, ImportRow.Outcome.FAILED])
    for row in failed.order_by("position").iterator(chunk_size=500):
        name = str(row.parsed.get("display_name") or "")
        yield str(
            writer.writerow([row.position, row.outcome, _safe(row.error or row.reason), _safe(name), _safe(row.raw)])
        )


def _safe(cell: str) -> str:
    """Keep a spreadsheet from running what a stranger wrote."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
