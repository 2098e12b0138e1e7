"""What imports wrote to a contact, read from the rows that they left: for the panel "Where this comes from"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse

from contacts.models import Contact
from contacts.provenance import ROW_TEXTS, row_text
from contacts.registries import Origin
from contacts.uniting import CHOSEN
from imports.models import ImportJob, ImportRow

# Of a contact that hundreds of imports have changed, the newest are enough.
ROWS_READ = 50

WROTE = (ImportRow.Outcome.CREATED, ImportRow.Outcome.UPDATED)


def origins(contact: Contact) -> Iterator[Origin]:
    """Give each value that an import of the same owner wrote to the contact."""
    rows = ImportRow.objects.filter(contact=contact, job__owner_id=contact.owner_id, outcome__in=WROTE)
    for row in rows.select_related("job").defer("raw").order_by("-job_id", "-position")[:ROWS_READ]:
        is_new = row.outcome == ImportRow.Outcome.CREATED
        fields = row.parsed if is_new else _changed_fields(row)
        entries = row.parsed if is_new else row.changes or {}
        yield from _origins(row.job, fields=fields, entries=entries)


def _changed_fields(row: ImportRow) -> dict[str, Any]:
    written = (row.before or row.changes or {}).get("fields", {})
    return {field: values.get("new") for field, values in written.items()}


def _origins(job: ImportJob, *, fields: Mapping[str, Any], entries: Mapping[str, Any]) -> Iterable[Origin]:
    at: datetime = job.finished_at or job.started_at or job.queued_at
    label = f"{job.get_provider_display()}, {job}"
    url = reverse("admin:imports_importjob_change", args=[job.pk])
    for field in CHOSEN:
        if fields.get(field):
            yield Origin(field, str(fields[field]), label, at, url)
    for field in ROW_TEXTS:
        for entry in entries.get(field) or []:
            yield Origin(field, row_text(field, entry), label, at, url)
