"""What people do with imports: start, map, select, confirm, cancel, retry, pause, resume.

Called by the admin, the API and the command. Each call locks the job's row, so that two clicks at once do no harm.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from config import audit
from config.jobs import controls
from config.jobs.bell import ring
from config.jobs.models import HeldReason, Priority
from imports import presets
from imports.models import ImportJob, ImportRow, ProviderAccount
from imports.readers import ReadError, csv, sniff
from imports.uploads import LARGEST, is_failed_cards, limits, read_layout

Provider, State, Decision = ImportJob.Provider, ImportJob.State, ImportRow.Decision

SELECTABLE = (Decision.CREATE, Decision.UPDATE)
WRITTEN = (ImportRow.Outcome.CREATED, ImportRow.Outcome.UPDATED)
IGNORE = "ignore"
FAILED_CARDS = (
    "This lists vCards that failed, as text to look at. Put the repaired text of the column “Card” into a file that "
    "ends in .vcf, and import that."
)


class UploadRefused(Exception):
    """The file cannot be imported. `code` is for programs; the message is one plain sentence."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class NotAllowed(Exception):
    """The import is not in a state for this, or what was asked for does not fit it; the message says which."""


class AlreadyOpen(NotAllowed):
    """Another import of the account, `job`, has not ended."""

    def __init__(self, message: str, job: ImportJob) -> None:
        super().__init__(message)
        self.job = job


def start_upload(
    owner: AbstractBaseUser,
    *,
    file: IO[bytes] | File[bytes],
    name: str,
    provider: str | None = None,
    mapping: Mapping[str, str] | None = None,
    has_preview: bool = True,
    on_conflict: str = ImportJob.OnConflict.FILL_BLANKS,
) -> ImportJob:
    """Keep the file and queue its import; raises UploadRefused, then nothing was kept.

    `provider` is vcard or csv, by default what the content says. A CSV file of no known layout gives a job that is
    held until `set_mapping`, unless `mapping` (header -> field) comes with it or a preset knows the columns.
    """
    upload: File[bytes] = file if isinstance(file, File) else File(file, name=name)
    head = _head(upload)
    kind = provider or sniff(head, name)
    if kind not in LARGEST:
        raise UploadRefused("This is neither a vCard nor a CSV file.", "not_recognised")
    _check_size(upload, kind=kind)
    layout = _layout(head) if kind == Provider.CSV else None
    preset = presets.find(owner.pk, layout) if layout and layout.name == "unknown" and mapping is None else None
    if layout and preset:
        mapping = presets.apply(preset, layout.header)
    elif layout and mapping is not None:
        check_mapping(mapping, header=layout.header)
    is_held = layout is not None and layout.name == "unknown" and mapping is None
    with transaction.atomic():
        stored = default_storage.save(f"o{owner.pk}/uploads/{secrets.token_hex(16)}", upload)
        job = ImportJob.objects.create(
            owner_id=owner.pk,
            provider=kind,
            priority=Priority.PERSON,
            upload=stored,
            upload_name=name[-255:],
            upload_size=upload.size,
            mapping=dict(mapping or {}),
            has_preview=has_preview,
            on_conflict=on_conflict,
            held_reason=HeldReason.NEEDS_MAPPING if is_held else "",
        )
        if not has_preview:
            audit.record(audit.Verb.CONFIRMED, ImportJob, owner_id=owner.pk, object_id=job.pk)
        if not is_held:
            ring(ImportJob.QUEUE)
    return job


def set_mapping(job: ImportJob, mapping: Mapping[str, str]) -> None:
    """Say which column (header) is which field, and let the job go on; a file that was read already is read again.

    The mapping is remembered for the owner's next file with the same columns.
    """
    with locked_job(job) as locked:
        if not can_be_mapped(locked):
            raise NotAllowed("Columns can be assigned only before a CSV file is imported.")
        layout = read_layout(locked)
        try:
            check_mapping(mapping, header=layout.header)
        except UploadRefused as error:
            raise NotAllowed(str(error)) from error
        presets.remember(locked.owner_id, layout, mapping, name=locked.upload_name)
        _jobs(job).update(mapping=dict(mapping))
        if locked.state == State.READY:
            ImportRow.objects.filter(job_id=job.pk).delete()
            _jobs(job).update(state=State.PENDING, total=0, planned_at=None, **afresh())
            ring(ImportJob.QUEUE)
        if locked.held_reason == HeldReason.NEEDS_MAPPING:
            controls.resume(_jobs(job), reason=HeldReason.NEEDS_MAPPING)


def can_be_mapped(job: ImportJob) -> bool:
    """Say whether the columns of the job's file can still be assigned: until it is confirmed."""
    is_unread = job.state == State.PENDING and not job.total
    return (
        job.provider == Provider.CSV
        and bool(job.upload)
        and (is_unread or (job.state == State.READY and not job.held_reason))
    )


def check_mapping(mapping: Mapping[str, str], *, header: Collection[str]) -> None:
    """Raise UploadRefused when a header is not in the file, a field is not known, or no column is used at all."""
    for column, field in mapping.items():
        if column not in header:
            raise UploadRefused(f"The file has no column {column!r}.", "unknown_column")
        if field != IGNORE and field not in csv.MAPPABLE_FIELDS:
            raise UploadRefused(f"There is no field {field!r}.", "unknown_field")
    if not set(mapping.values()) - {IGNORE}:
        raise UploadRefused("At least one column has to be used.", "empty_mapping")


def confirm(job: ImportJob, *, row_ids: Collection[int] | None = None) -> None:
    """Let the plan be carried out: for these rows of the job, or for all that were left selected."""
    with _ready(job):
        rows = ImportRow.objects.filter(job_id=job.pk)
        if row_ids is not None:
            chosen = _rows_of(job, row_ids)
            rows.filter(decision__in=SELECTABLE).exclude(pk__in=chosen).update(selected=False)
            rows.filter(decision__in=SELECTABLE, pk__in=chosen).update(selected=True)
        _jobs(job).update(state=State.CONFIRMED, **afresh())
        audit.record(audit.Verb.CONFIRMED, ImportJob, owner_id=job.owner_id, object_id=job.pk)
        ring(ImportJob.QUEUE)


def select_rows(job: ImportJob, row_ids: Collection[int], is_selected: bool) -> int:
    """Select or deselect rows of the preview; only those that would write something count. Returns their number."""
    with _ready(job):
        rows = ImportRow.objects.filter(pk__in=_rows_of(job, row_ids), decision__in=SELECTABLE)
        return rows.update(selected=is_selected)


def select_where(job: ImportJob, is_selected: bool, *, decision: str = "", reason: str = "") -> int:
    """Select or deselect every row with this decision and reason, empty for any. Returns their number."""
    with _ready(job):
        rows = ImportRow.objects.filter(job_id=job.pk, decision__in=SELECTABLE).exclude(selected=is_selected)
        wanted = {name: value for name, value in (("decision", decision), ("reason", reason)) if value}
        return rows.filter(**wanted).update(selected=is_selected)


def cancel(job: ImportJob) -> None:
    """End the import; what it has already written stays."""
    if not controls.cancel(_jobs(job)):
        raise NotAllowed("The import has already ended.")


def retry(job: ImportJob) -> None:
    """Let a failed or cancelled import go on where it stopped."""
    with transaction.atomic():
        if job.account_id:
            refuse_second(job.account_id, besides=job.pk)
        if not controls.retry(_jobs(job)):
            raise NotAllowed("Only a failed or cancelled import can be retried.")


def refuse_second(account_id: UUID, *, besides: int | None = None) -> None:
    """Raise AlreadyOpen when an import of the account is; locks the account until the caller's transaction ends."""
    ProviderAccount.objects.select_for_update(no_key=True).get(pk=account_id)
    others = ImportJob.objects.filter(account_id=account_id).exclude(state__in=ImportJob.FINAL_STATES)
    other = others.exclude(pk=besides).order_by("pk").first()
    if other is None:
        return
    if other.state == State.READY:
        message = f"Import {other.pk} of this account waits for your review. Confirm or cancel it first."
        raise AlreadyOpen(message, other)
    raise AlreadyOpen(f"Import {other.pk} of this account has not ended. Wait until it has, or cancel it.", other)


def undo(job: ImportJob) -> None:
    """Take back what the import wrote, where nobody has changed it since; goes on where an interrupted one stopped."""
    with locked_job(job) as locked:
        if locked.state == State.UNDONE:
            raise NotAllowed("The import is undone already; there is nothing more to do.")
        if locked.state in (State.UNDO_REQUESTED, State.UNDOING):
            raise NotAllowed("The import is being undone already.")
        if locked.state not in (State.COMPLETED, State.FAILED, State.CANCELLED):
            raise NotAllowed("Only an import that has ended can be undone.")
        if locked.resume_state == State.UNDO_REQUESTED:
            controls.retry(_jobs(job))
            return
        if not ImportRow.objects.filter(job_id=job.pk, outcome__in=WRITTEN).exists():
            raise NotAllowed("The import has written nothing that could be undone.")
        _jobs(job).update(
            state=State.UNDO_REQUESTED,
            resume_state="",
            finished_at=None,
            last_error="",
            error_code="",
            **afresh(),
        )
        audit.record(audit.Verb.UNDONE, ImportJob, owner_id=job.owner_id, object_id=job.pk)
        ring(ImportJob.QUEUE)


def pause(job: ImportJob) -> None:
    """Stop at the next page until `resume`."""
    if not controls.pause(_jobs(job)):
        raise NotAllowed("The import has ended or is waiting already.")


def resume(job: ImportJob) -> None:
    if not controls.resume(_jobs(job)):
        raise NotAllowed("The import is not paused.")


def afresh() -> dict[str, Any]:
    """Return the columns of a job that begins a step which a person waits for."""
    return {
        "priority": Priority.PERSON,
        "processed": 0,
        "cursor": {},
        "attempts": 0,
        "crashes": 0,
        "next_attempt_at": Now(),
    }


def _jobs(job: ImportJob) -> QuerySet[ImportJob]:
    return ImportJob.objects.filter(pk=job.pk)


@contextmanager
def locked_job(job: ImportJob) -> Iterator[ImportJob]:
    """Open a transaction and give the job as it is now; nobody else changes it until the end."""
    with transaction.atomic():
        yield ImportJob.objects.select_for_update(no_key=True).get(pk=job.pk)


@contextmanager
def _ready(job: ImportJob) -> Iterator[ImportJob]:
    with locked_job(job) as locked:
        if locked.state != State.READY:
            raise NotAllowed("The import is not waiting for a review.")
        if locked.held_reason:
            raise NotAllowed("The import is paused. Resume it first.")
        yield locked


def _rows_of(job: ImportJob, row_ids: Collection[int]) -> list[int]:
    known = list(ImportRow.objects.filter(job_id=job.pk, pk__in=row_ids).values_list("pk", flat=True))
    if len(known) != len(set(row_ids)):
        raise NotAllowed("Some of these rows do not belong to the import.")
    return known


def _head(upload: File[bytes]) -> bytes:
    if not upload.size:
        raise UploadRefused("The file is empty.", "empty_file")
    upload.seek(0)
    head: bytes = upload.read(csv.HEAD_SIZE)
    upload.seek(0)
    return head


def _check_size(upload: File[bytes], *, kind: str) -> None:
    setting = LARGEST[Provider(kind)]
    largest = getattr(settings, setting)
    if upload.size > largest:
        message = f"The file has {upload.size:,} bytes, more than {largest:,}. Split it, or raise {setting}."
        raise UploadRefused(message, "too_large")


def _layout(head: bytes) -> csv.CsvLayout:
    """Return what the beginning of a CSV file tells; raises UploadRefused for what cannot be read at all."""
    try:
        layout = csv.inspect(head)
        limits().check_columns(len(layout.header))
    except ReadError as error:
        raise UploadRefused(str(error), error.code) from error
    if is_failed_cards(layout.header):
        raise UploadRefused(FAILED_CARDS, "failed_cards")
    return layout
