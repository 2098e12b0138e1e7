"""/api/cron/…: what the schedules do, for a scheduler outside that can only call addresses.

Works for at most 20 seconds in the request and leaves the rest to the workers, whom it wakes.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from config.bearer import holds, refused
from config.jobs.draining import drain, reap_all
from config.jobs.models import JobAttempt
from config.jobs.settling import Settlement
from contacts.chats.caching import Scope, enqueue_pictures
from contacts.chats.coverage import counts_by_state
from contacts.models import Chat
from health.tasks import refresh_by_cron
from imports.models import SyncRun
from imports.sync.asking import answer, ask
from imports.sync.mailboxes import sync_mailboxes
from imports.tending import tend

INLINE_SECONDS = 20.0
HEADER = "X-Cron-Secret"

Outcome = JobAttempt.Outcome
View = Callable[[HttpRequest], HttpResponse]


def guarded(work: Callable[[], dict[str, Any]]) -> View:
    """Return a view that does `work` for callers who know CRON_SECRET; it needs no cookie and sets none."""

    @csrf_exempt
    @require_http_methods(["GET", "POST"])
    def view(request: HttpRequest) -> HttpResponse:
        if not holds(request, settings.CRON_SECRET, header=HEADER):
            return refused()
        started_at = time.monotonic()
        counts = work()
        counts["duration_ms"] = round((time.monotonic() - started_at) * 1_000)
        response = JsonResponse(counts)
        response["Cache-Control"] = "no-store"
        return response

    return view


def process_imports() -> dict[str, Any]:
    """Run due imports: `{message, processed, failed, job_ids: {processed, failed}}`, counted in jobs."""
    jobs: dict[str, set[int]] = defaultdict(set)

    def note(settlement: Settlement) -> None:
        jobs["failed" if settlement.outcome == Outcome.FAILED else "processed"].add(settlement.job.pk)

    reap_all()
    tend(now=timezone.now())
    is_empty = drain("imports", seconds=INLINE_SECONDS, on_settled=note).is_empty
    failed = sorted(jobs["failed"])
    processed = sorted(jobs["processed"] - jobs["failed"])
    return {
        "message": _message(len(processed), len(failed), is_empty=is_empty),
        "processed": len(processed),
        "failed": len(failed),
        "job_ids": {"processed": processed, "failed": failed},
    }


def process_contact_photos() -> dict[str, Any]:
    """Run due photo jobs; answers as `run_jobs --queue photos` does."""
    reap_all()
    drained = drain("photos", seconds=INLINE_SECONDS)
    counts: dict[str, Any] = drained.as_counts()
    counts["message"] = _message(drained.processed - counts["failed"], counts["failed"], is_empty=drained.is_empty)
    return counts


def email_sync() -> dict[str, Any]:
    """Read the mail and the calendars of all active owners; answers as `sync mail` does."""
    reap_all()
    now = timezone.now()
    runs = sync_mailboxes(now=now, triggered_by="cron")
    drain("sync", seconds=INLINE_SECONDS)
    for run in runs:
        run.refresh_from_db()
    return answer(SyncRun.Kind.MAIL, runs, triggered_by="cron", now=now)


def health_refresh() -> dict[str, Any]:
    """Refresh the scores of all active owners; answers as `refresh_health` does."""
    reap_all()
    return refresh_by_cron(seconds=INLINE_SECONDS)


def cache_chat_images() -> dict[str, Any]:
    """Read the chats of all accounts, queue the pictures that are missing and fetch some; answers with the counts."""
    started_at = time.monotonic()
    reap_all()
    runs = ask(SyncRun.Kind.CHATS, now=timezone.now(), triggered_by="cron")
    drain(SyncRun.QUEUE, seconds=INLINE_SECONDS / 2)
    queued = enqueue_pictures(Scope(), now=timezone.now())
    drained = drain("photos", seconds=max(1.0, INLINE_SECONDS - (time.monotonic() - started_at)))
    counts = drained.as_counts()
    message = _message(drained.processed - counts["failed"], counts["failed"], is_empty=drained.is_empty)
    return {"message": message, "accounts": len(runs), "queued": queued, **counts_by_state(Chat.objects.all())}


def _message(processed: int, failed: int, *, is_empty: bool) -> str:
    rest = "" if is_empty else " The workers go on with the rest."
    return f"Processed {processed}, failed {failed}.{rest}"


urlpatterns = [
    path("process-imports", guarded(process_imports), name="cron-process-imports"),
    path("cache-chat-images", guarded(cache_chat_images), name="cron-cache-chat-images"),
    path("process-contact-photos", guarded(process_contact_photos), name="cron-process-contact-photos"),
    path("email-sync", guarded(email_sync), name="cron-email-sync"),
    path("health-refresh", guarded(health_refresh), name="cron-health-refresh"),
]
