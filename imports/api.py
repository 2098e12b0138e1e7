"""The import part of the HTTP API."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from django.db.models import Count, QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import File, Form, Router, Schema, Status
from ninja.files import UploadedFile
from pydantic import Field

from imports import deciding, lifecycle
from imports.export import failed_rows_answer
from imports.lifecycle import UploadRefused
from imports.models import ImportJob, ImportRow
from imports.progress import status, with_first_start
from imports.reasons import sentence_of

router = Router(tags=["imports"])

PAGE_MAX = 200

Limit = Annotated[int, Field(ge=1, le=PAGE_MAX)]
Offset = Annotated[int, Field(ge=0, le=2**31)]
Code = Annotated[str, Field(max_length=30, pattern=r"^\w*$")]


class JobStatus(Schema):
    id: int
    provider: str
    status: str
    total_contacts: int
    processed_contacts: int
    imported_contacts: int
    skipped_contacts: int
    failed_contacts: int
    progress_percent: int
    started_at: datetime | None
    completed_at: datetime | None
    duration_seconds: float | None
    error_message: str | None


class JobList(Schema):
    total: int
    items: list[JobStatus]


class PreviewRow(Schema):
    id: int
    position: int
    decision: str
    reason: str
    reason_text: str
    is_selected: bool
    is_selectable: bool
    contact_id: str | None = Field(description="The matched contact; null for somebody new.")
    joined_to: int | None = Field(description="Position of the earlier row that took over this duplicate.")
    contact: dict[str, Any]
    changes: dict[str, Any] = Field(description="fields as {old, new}; entries to add to the lists.")


class Preview(Schema):
    total: int
    counts: dict[str, int]
    items: list[PreviewRow]


class UndoneRow(Schema):
    id: int
    position: int
    outcome: str
    undo: str
    reason: str
    reason_text: str
    contact_id: str | None


class Undone(Schema):
    total: int
    counts: dict[str, int]
    items: list[UndoneRow]


class Confirmation(Schema):
    row_ids: list[int] | None = None
    import_all: bool = False


class RowDecision(Schema):
    row_ids: list[int]
    how: deciding.How = Field(description="create: a contact of its own. merge: into the contact that it matches best.")


class Decided(Schema):
    decided: int = Field(description="How many of the rows will be imported; the others stay as they are.")
    job: JobStatus


class Problem(Schema):
    error: str
    code: str


class UploadOptions(Schema):
    provider: str | None = None
    mapping: str | None = Field(None, description="JSON object: CSV header to field.")
    has_preview: bool = True
    on_conflict: ImportJob.OnConflict = ImportJob.OnConflict.FILL_BLANKS


CSV_ANSWER = {200: {"description": "The rows", "content": {"text/csv": {"schema": {"type": "string"}}}}}
PROBLEMS = {400: Problem, 404: Problem, 409: Problem}


@router.post("upload", response={201: JobStatus, 400: Problem, 413: Problem})
def upload(request: HttpRequest, options: Form[UploadOptions], file: File[UploadedFile]) -> Status[Any]:
    """Queue the import of a vCard or CSV file."""
    job = lifecycle.start_upload(
        request.user,  # type: ignore[arg-type]
        file=file,
        name=file.name or "",
        provider=options.provider,
        mapping=_mapping(options.mapping),
        has_preview=options.has_preview,
        on_conflict=options.on_conflict,
    )
    return Status(201, _status(_job(request, job.pk)))


@router.get("status/{int:job_id}", response={200: JobStatus, 404: Problem})
def job_status(request: HttpRequest, job_id: int) -> dict[str, Any]:
    """Say how far an import has come."""
    return _status(_job(request, job_id))


@router.get("list", response=JobList)
def job_list(
    request: HttpRequest,
    limit: Limit = 50,
    offset: Offset = 0,
    provider: Code | None = None,
    status: Code | None = None,
) -> dict[str, Any]:
    """List the imports, newest first."""
    jobs = _jobs(request)
    if provider:
        jobs = jobs.filter(provider=provider)
    if status:
        jobs = jobs.filter(state=status)
    page = with_first_start(jobs)[offset : offset + limit]
    return {"total": jobs.count(), "items": [_status(job) for job in page]}


@router.get("jobs/{int:job_id}/preview", response={200: Preview, 404: Problem})
def preview(
    request: HttpRequest,
    job_id: int,
    limit: Limit = 50,
    offset: Offset = 0,
    decision: Code | None = None,
) -> dict[str, Any]:
    """Show the plan: what becomes of each row, and why."""
    rows = ImportRow.objects.filter(job=_job(request, job_id))
    counts = dict(rows.exclude(decision="").order_by().values_list("decision").annotate(Count("pk")))
    if decision:
        rows = rows.filter(decision=decision)
    page = rows.order_by("position")[offset : offset + limit]
    total = counts.get(decision, 0) if decision else sum(counts.values())
    return {"total": total, "counts": counts, "items": [_preview_row(row) for row in page]}


@router.post("jobs/{int:job_id}/confirm", response={200: JobStatus, **PROBLEMS})
def confirm(request: HttpRequest, job_id: int, body: Confirmation) -> dict[str, Any]:
    """Let the plan be carried out, for some rows or for all that are selected."""
    job = _job(request, job_id)
    if (body.row_ids is None) is not body.import_all:
        raise UploadRefused("Give either row_ids or import_all.", "invalid_request")
    lifecycle.confirm(job, row_ids=body.row_ids)
    return _status(_job(request, job_id))


@router.post("jobs/{int:job_id}/cancel", response={200: JobStatus, **PROBLEMS})
def cancel(request: HttpRequest, job_id: int) -> dict[str, Any]:
    """End an import; what it has written stays."""
    lifecycle.cancel(_job(request, job_id))
    return _status(_job(request, job_id))


@router.post("jobs/{int:job_id}/retry", response={200: JobStatus, **PROBLEMS})
def retry(request: HttpRequest, job_id: int) -> dict[str, Any]:
    """Let a failed or cancelled import go on where it stopped."""
    lifecycle.retry(_job(request, job_id))
    return _status(_job(request, job_id))


@router.post("jobs/{int:job_id}/rows", response={200: Decided, **PROBLEMS})
def decide(request: HttpRequest, job_id: int, body: RowDecision) -> dict[str, Any]:
    """Import rows after all that the plan leaves out or matches otherwise, before or after the confirmation."""
    job = _job(request, job_id)
    number = deciding.decide_rows(job, body.row_ids, body.how)
    return {"decided": number, "job": _status(_job(request, job_id))}


@router.post("jobs/{int:job_id}/undo", response={200: JobStatus, **PROBLEMS})
def undo(request: HttpRequest, job_id: int) -> dict[str, Any]:
    """Take back what an import wrote, where nobody has changed it since."""
    lifecycle.undo(_job(request, job_id))
    return _status(_job(request, job_id))


@router.get("jobs/{int:job_id}/undone", response={200: Undone, 404: Problem})
def undone(
    request: HttpRequest, job_id: int, limit: Limit = 50, offset: Offset = 0, undo: Code | None = None
) -> dict[str, Any]:
    """Show what undoing an import did to each row: reversed, kept or errored, and why."""
    job = _job(request, job_id)
    rows = ImportRow.objects.filter(job=job).exclude(undo="")
    if undo:
        rows = rows.filter(undo=undo)
    page = rows.order_by("position")[offset : offset + limit]
    counts = {bucket: getattr(job, bucket) for bucket in ImportRow.Undo.values}
    return {"total": rows.count(), "counts": counts, "items": [_undone_row(row) for row in page]}


@router.post("jobs/{int:job_id}/pause", response={200: JobStatus, **PROBLEMS})
def pause(request: HttpRequest, job_id: int) -> dict[str, Any]:
    """Stop an import at its next page."""
    lifecycle.pause(_job(request, job_id))
    return _status(_job(request, job_id))


@router.post("jobs/{int:job_id}/resume", response={200: JobStatus, **PROBLEMS})
def resume(request: HttpRequest, job_id: int) -> dict[str, Any]:
    """Let a paused import go on."""
    lifecycle.resume(_job(request, job_id))
    return _status(_job(request, job_id))


@router.get("jobs/{int:job_id}/failed.csv", response={404: Problem}, openapi_extra={"responses": CSV_ANSWER})
def failed_csv(request: HttpRequest, job_id: int) -> StreamingHttpResponse:
    """Download the rows that failed or are invalid, with the reasons."""
    return failed_rows_answer(_job(request, job_id))


def _jobs(request: HttpRequest) -> QuerySet[ImportJob]:
    return ImportJob.objects.visible_to(request.user)


def _job(request: HttpRequest, job_id: int) -> ImportJob:
    job: ImportJob = get_object_or_404(with_first_start(_jobs(request)), pk=job_id)
    return job


def _status(job: ImportJob) -> dict[str, Any]:
    return status(job, now=timezone.now())


def _mapping(text: str | None) -> dict[str, str] | None:
    if not text:
        return None
    try:
        mapping = json.loads(text)
    except ValueError:
        mapping = None
    if not isinstance(mapping, dict) or not all(isinstance(field, str) for field in mapping.values()):
        raise UploadRefused("The mapping has to be a JSON object of header and field.", "invalid_mapping")
    return mapping


def _preview_row(row: ImportRow) -> dict[str, Any]:
    is_matched = row.decision in (ImportRow.Decision.UPDATE, ImportRow.Decision.UNCHANGED)
    return {
        "id": row.pk,
        "position": row.position,
        "decision": row.decision,
        "reason": row.reason,
        "reason_text": row.error or sentence_of(row.reason),
        "is_selected": row.selected,
        "is_selectable": row.decision in lifecycle.SELECTABLE,
        "contact_id": str(row.contact_id) if is_matched and row.contact_id else None,
        "joined_to": row.joined_to,
        "contact": row.parsed,
        "changes": row.changes or {},
    }


def _undone_row(row: ImportRow) -> dict[str, Any]:
    return {
        "id": row.pk,
        "position": row.position,
        "outcome": row.outcome,
        "undo": row.undo,
        "reason": row.undo_reason,
        "reason_text": row.error or sentence_of(row.undo_reason),
        "contact_id": str(row.contact_id) if row.contact_id else None,
    }
