"""Sync runs: ask for one, and run it by its kind. The kinds are filled in ImportsConfig.ready."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import IO

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction

from config.jobs.bell import ring
from config.jobs.draining import Budget
from config.jobs.models import Priority
from config.jobs.settling import Settlement
from contacts.identifiers import uuid7
from imports.models import ProviderAccount, SyncRun

Work = Callable[[SyncRun, Budget], list[Settlement]]

kinds: dict[str, Work] = {}


def register_kind(kind: SyncRun.Kind, work: Work) -> None:
    """Let `work(run, budget)` do the runs of this kind; it settles them, as config.jobs.draining.Queue says."""
    kinds[kind] = work


def run_sync_jobs(jobs: Sequence[SyncRun], budget: Budget) -> list[Settlement]:
    """Do these runs, each as far as the budget allows."""
    return [settlement for job in jobs for settlement in kinds[job.kind](job, budget)]


def request_file_sync(
    owner_id: int,
    file: IO[bytes],
    *,
    name: str,
    since: datetime | None = None,
    triggered_by: str = "admin",
    priority: int = Priority.PERSON,
) -> SyncRun:
    """Store a mail file of the owner, and queue the run that reads it."""
    run = SyncRun(owner_id=owner_id, kind=SyncRun.Kind.MAIL, since=since, triggered_by=triggered_by, priority=priority)
    run.upload_name = name[:255]
    with transaction.atomic():
        run.upload = default_storage.save(f"o{owner_id}/mail/{uuid7()}.mbox", File(file))
        run.save()
        ring(SyncRun.QUEUE)
    return run


def request_sync(
    account: ProviderAccount,
    *,
    kind: SyncRun.Kind,
    since: datetime | None = None,
    triggered_by: str = "schedule",
    priority: int = Priority.NORMAL,
) -> SyncRun | None:
    """Queue a sync and wake a worker; None when one of this account and kind is already waiting or running."""
    try:
        with transaction.atomic():
            run = SyncRun.objects.create(
                owner_id=account.owner_id,
                account=account,
                kind=kind,
                since=since,
                triggered_by=triggered_by,
                priority=priority,
            )
            ring(SyncRun.QUEUE)
    except IntegrityError:
        return None
    return run
