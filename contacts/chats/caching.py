"""The photo jobs of chats: queue what is missing, fetch again what has changed, clear, block, and wake on a first view.

A web address is an ordinary photo job. Everything else that a messenger calls an address (mxc:, localmxc:, data:,
file:, a bare path) is a job of the kind `beeper`, which `imports` knows how to fetch; `source_ref` names the account.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from config.jobs import controls
from config.jobs.bell import ring
from config.jobs.models import HeldReason, Priority
from contacts.models import Chat
from media_store.models import PhotoJob
from media_store.photos import enqueue_refresh
from media_store.pruning import drop_files
from media_store.refetching import SOUND, refetch_missing
from media_store.results import TEMPORARY

BEEPER = "beeper"
"""The source kind."""

CHATS = Chat._meta.db_table
PHOTOS = PhotoJob._meta.db_table
State, Verdict = PhotoJob.State, PhotoJob.Verdict

RETRY_AFTER = timedelta(hours=1)
"""How long a failure of the moment is left alone."""
RETRY_REFUSED_AFTER = timedelta(hours=24)
"""How long an answer that the address itself gave is left alone: there is none, it is no picture, it is too large."""

# Never asked again before the source names another address.
HOPELESS = (Verdict.UNSAFE,)

IS_WEB = "chat.picture_url ~* '^https?://'"
KIND = f"case when {IS_WEB} then '{PhotoJob.SourceKind.URL}' else '{BEEPER}' end"
WANTED = """
    (%(owner)s::bigint is null or chat.owner_id = %(owner)s)
    and (%(account)s::uuid is null or chat.account_key = %(account)s)
    and (%(chats)s::uuid[] is null or chat.id = any(%(chats)s))
    and (%(network)s = '' or lower(chat.network) = lower(%(network)s))
    and chat.picture_url <> '' and chat.merged_into = '' and not chat.is_picture_blocked
"""

# Two of us at once wait for each other at the chat's row; the second finds that it has its job.
NEW = f"""
    with wanted as materialized (
        select chat.id, chat.owner_id, chat.account_key, chat.picture_url, {KIND} as kind,
            nextval(pg_get_serial_sequence('{PHOTOS}', 'id')) as job_id
        from {CHATS} chat where {WANTED} and chat.photo_job_id is null
        order by chat.id limit %(limit)s for no key update of chat skip locked
    ), queued as (
        insert into {PHOTOS} (id, owner_id, state, priority, source_kind, source_url, source_ref, path_hint)
        select job_id, owner_id, '{State.PENDING}', %(priority)s, kind, picture_url, account_key::text, 'chats'
        from wanted
    )
    update {CHATS} chat set photo_job_id = wanted.job_id from wanted where chat.id = wanted.id
"""

# The last good picture stays until the new one is stored; a download in progress loses its lease.
CHANGED = f"""
    with wanted as materialized (
        select chat.photo_job_id as job_id, chat.picture_url, {KIND} as kind
        from {CHATS} chat join {PHOTOS} job on job.id = chat.photo_job_id
        where {WANTED} and job.source_url <> chat.picture_url
        order by job.id limit %(limit)s for no key update of job
    )
    update {PHOTOS} job
    set source_kind = wanted.kind, source_url = wanted.picture_url, state = '{State.PENDING}',
        priority = %(priority)s, queued_at = statement_timestamp(), next_attempt_at = statement_timestamp(),
        attempts = 0, crashes = 0, verdict = '', held_reason = '', resume_state = '', last_error = '',
        error_code = '', etag = '', last_modified = '', absent_since = null, gone_at = null, finished_at = null,
        lease_token = null, lease_until = null
    from wanted where job.id = wanted.job_id
"""


@dataclass(frozen=True)
class Scope:
    """Whose chats, or which of them; what is left out does not limit."""

    owner_id: int | None = None
    account_key: UUID | None = None
    chat_ids: tuple[UUID, ...] | None = None
    network: str = ""

    @property
    def parameters(self) -> dict[str, Any]:
        chats = None if self.chat_ids is None else list(self.chat_ids)
        return {"owner": self.owner_id, "account": self.account_key, "chats": chats, "network": self.network}

    def jobs(self) -> QuerySet[PhotoJob]:
        """Return the photo jobs of these chats, without those of pictures that are blocked or gone from the source."""
        jobs = PhotoJob.objects.filter(chat__merged_into="", chat__is_picture_blocked=False)
        jobs = jobs.exclude(chat__picture_url="")
        if self.owner_id is not None:
            jobs = jobs.filter(owner_id=self.owner_id)
        if self.account_key is not None:
            jobs = jobs.filter(chat__account_key=self.account_key)
        if self.chat_ids is not None:
            jobs = jobs.filter(chat__in=self.chat_ids)
        return jobs.filter(chat__network__iexact=self.network) if self.network else jobs


class Eagerness(StrEnum):
    """What is asked for again beside what was never asked for or has changed at its source."""

    ROUTINE = "routine"
    """What failed, after a rest: an hour, or a day where the answer was about the picture itself."""
    MISSING = "missing"
    """What failed, after its rest, and what was let go."""
    NOW = "now"
    """All that is not in the cache, at once."""
    EVERYTHING = "everything"
    """What is in the cache, too."""


def enqueue_pictures(
    scope: Scope,
    *,
    now: datetime,
    eagerness: Eagerness = Eagerness.ROUTINE,
    limit: int | None = None,
    priority: int = Priority.BACKFILL,
) -> int:
    """Queue the pictures of these chats that are not cached or have changed at their source; return how many."""
    queued = 0
    with transaction.atomic():
        for statement in (NEW, CHANGED):
            left = None if limit is None else limit - queued
            queued += _execute(statement, {**scope.parameters, "priority": priority, "limit": left})
        again = _to_fetch_again(scope.jobs(), now=now, eagerness=eagerness)
        if limit is not None:
            ids = again.order_by("pk").values_list("pk", flat=True)[: limit - queued]
            again = PhotoJob.objects.filter(pk__in=list(ids))
        queued += enqueue_refresh(again, priority=priority)
        queued += _resume_refused(scope, now=now, eagerness=eagerness)
        if queued:
            ring(PhotoJob.QUEUE)
    return queued


def wake(chat: Chat, *, now: datetime) -> bool:
    """Let the chat's own picture come before all others, because somebody looks at it; return whether this call did.

    However many look at the same time, it is fetched once; a failed try is not repeated within the hour.
    """
    if chat.is_picture_blocked or not chat.picture_url:
        return False
    job = chat.photo_job
    if job is None:
        return enqueue_pictures(Scope(chat_ids=(chat.pk,)), now=now, priority=Priority.PERSON) > 0
    if job.state != State.PENDING:
        return refetch_missing(job, now=now)
    waiting = PhotoJob.objects.filter(pk=job.pk, state=State.PENDING, held_reason="", priority__gt=Priority.PERSON)
    with transaction.atomic():
        is_first = bool(waiting.update(priority=Priority.PERSON))
        if is_first:
            ring(PhotoJob.QUEUE)
    return is_first


def clear_pictures(chats: QuerySet[Chat]) -> int:
    """Let the cached pictures of these chats go; the next look fetches them again. Return how many there were."""
    with transaction.atomic():
        jobs = PhotoJob.objects.filter(chat__in=chats.order_by().values("pk")).exclude(file="").order_by("pk")
        locked = list(jobs.exclude(state__in=PhotoJob.STEPS.values()).select_for_update(no_key=True, of=("self",)))
        drop_files(locked)
    return len(locked)


def set_blocked(chat: Chat, *, is_blocked: bool, now: datetime) -> None:
    """Never show the chat's own picture nor ask its source for it; or do both again."""
    with transaction.atomic():
        Chat.objects.filter(pk=chat.pk).update(is_picture_blocked=is_blocked)
        jobs = PhotoJob.objects.filter(chat=chat.pk)
        if is_blocked:
            controls.cancel(jobs)
        else:
            controls.retry(jobs.filter(state=State.CANCELLED))
            enqueue_pictures(Scope(chat_ids=(chat.pk,)), now=now)


def _to_fetch_again(jobs: QuerySet[PhotoJob], *, now: datetime, eagerness: Eagerness) -> QuerySet[PhotoJob]:
    """Return those jobs at rest that are worth asking for once more."""
    if eagerness == Eagerness.EVERYTHING:
        return jobs
    jobs = jobs.filter(file="")
    if eagerness == Eagerness.NOW:
        return jobs
    refused = Q(finished_at__lt=now - RETRY_REFUSED_AFTER) & ~Q(verdict__in=[*TEMPORARY, *HOPELESS])
    moment = Q(finished_at__lt=now - RETRY_AFTER, verdict__in=TEMPORARY)
    due = Q(state=State.FAILED, gone_at=None) & (refused | moment)
    if eagerness == Eagerness.MISSING:
        due |= Q(state=State.COMPLETED, verdict__in=SOUND)
    return jobs.filter(due)


def _resume_refused(scope: Scope, *, now: datetime, eagerness: Eagerness) -> int:
    """Let those go on whose server refused our token, after a day: whoever runs it may have mended that."""
    held = scope.jobs().filter(held_reason=HeldReason.NEEDS_RECONNECT)
    if eagerness in (Eagerness.ROUTINE, Eagerness.MISSING):
        held = held.filter(checked_at__lt=now - RETRY_REFUSED_AFTER)
    return controls.resume(held, reason=HeldReason.NEEDS_RECONNECT)


def _execute(statement: str, parameters: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)
