"""Tell whoever wants to know that an import has ended: a signed webhook, and an e-mail to the owner."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.urls import reverse

from config.notices import notify
from config.notices.notifying import has_channel
from imports.models import ImportJob, ImportRow
from imports.progress import status

WEBHOOK = "IMPORT_WEBHOOK_URL"
OUTCOMES = ImportRow.Outcome.values
# What ended before that is old news, for instance after an update of the program.
RECENT = timedelta(days=1)

State = ImportJob.State


def tell_of_ended(*, now: datetime) -> int:
    """Queue a notice for each import that has ended since the last call; return how many.

    The row remembers of which end it was told, so that none is told twice and none is lost, however it came about.
    """
    is_untold = Q(told_of=None) | ~Q(told_of=F("finished_at"))
    ended = ImportJob.objects.filter(is_untold, state__in=ImportJob.FINAL_STATES, finished_at__gt=now - RECENT)
    return sum(_tell(job, now=now) for job in ended.order_by("finished_at"))


def _tell(job: ImportJob, *, now: datetime) -> bool:
    with transaction.atomic():
        rows = ImportJob.objects.filter(pk=job.pk, finished_at=job.finished_at)
        if not rows.exclude(told_of=job.finished_at).update(told_of=job.finished_at):
            return False
        if has_channel(job.owner_id, WEBHOOK):
            notify(
                job.owner_id,
                kind="import_ended",
                subject=_subject(job),
                # Whoever cancelled it was there.
                body="" if job.state == State.CANCELLED else _body(job),
                payload={"text": f"{_subject(job)}. {_counts(job)}", "import": _facts(job, now=now)},
                webhook=WEBHOOK,
                key=f"import {job.pk} {job.finished_at:%Y-%m-%dT%H:%M:%S.%f}",
            )
    return True


def _subject(job: ImportJob) -> str:
    return f"{job}: {job.get_state_display().lower()}"


def _body(job: ImportJob) -> str:
    page = settings.BASE_URL.rstrip("/") + reverse("admin:imports_importjob_change", args=[job.pk])
    lines = [_subject(job) + ".", _counts(job), job.last_error, f"Look at it: {page}"]
    return "\n\n".join(line for line in lines if line)


def _counts(job: ImportJob) -> str:
    counts = ", ".join(f"{getattr(job, outcome):,} {outcome}" for outcome in OUTCOMES if getattr(job, outcome))
    return f"{job.total:,} people: {counts}." if counts else ""


def _facts(job: ImportJob, *, now: datetime) -> dict[str, Any]:
    """Return the status as the API gives it, as plain JSON, with the six outcomes."""
    facts = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in status(job, now=now).items()
    }
    return {**facts, **{outcome: getattr(job, outcome) for outcome in OUTCOMES}}
