"""What becomes of an account's jobs when the provider refuses its grant, and when it works again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from config.jobs import controls
from config.jobs.models import HeldReason
from config.notices import notify
from imports.models import ImportJob, ProviderAccount, SyncRun

State = ProviderAccount.State

ASKING = Q(state__in=[ImportJob.State.PENDING, ImportJob.State.FETCHING])
"""Imports that still have to ask the provider; the later steps work on what is here."""

# Released only by signing in again: trying them once more would be refused once more.
NOT_ALLOWED = "scope_missing"

Jobs = Callable[[UUID], QuerySet[Any]]

_kinds: list[Jobs] = [
    lambda account_id: ImportJob.objects.filter(ASKING, account_id=account_id),
    lambda account_id: SyncRun.objects.filter(account_id=account_id).exclude(state__in=SyncRun.FINAL_STATES),
]


def register_jobs(jobs: Jobs) -> None:
    """Let `jobs(account_id)`, those of a further kind that have to ask the provider, be held and released too."""
    _kinds.append(jobs)


def needs_reconnect(account_id: UUID, message: str, *, version: int | None = None) -> bool:
    """Say that the account's grant is refused: its jobs are held, its owner is told once.

    Nothing happens, and False is returned, when the account is not connected any more, or has got other tokens since
    `version`. The tokens stay: another process may be about to store newer ones, which makes all this undone.
    """
    with transaction.atomic():
        rows = ProviderAccount.objects.filter(pk=account_id, state=State.CONNECTED)
        if version is not None:
            rows = rows.filter(grant_version=version)
        if not rows.update(state=State.NEEDS_RECONNECT, last_error=message, refresh_lease=None):
            return False
        account = ProviderAccount.objects.get(pk=account_id)
        for jobs in _kinds:
            # One that runs is not touched: it meets the same refusal at its next call.
            waiting = jobs(account_id).filter(held_reason="", lease_token=None)
            waiting.update(held_reason=HeldReason.NEEDS_RECONNECT, error_code="needs_reconnect", last_error=message)
        _tell(account, message)
    return True


def release(account_id: UUID) -> None:
    """Let the jobs go on that were held for this account."""
    for jobs in _kinds:
        controls.resume(jobs(account_id), reason=HeldReason.NEEDS_RECONNECT)


def end_jobs(account_id: UUID) -> None:
    """Cancel the jobs that would still have to ask the provider."""
    for jobs in _kinds:
        controls.cancel(jobs(account_id))


def release_connected() -> int:
    """Let jobs go on whose account works: held by a worker that met the old grant just when it was renewed."""
    count = 0
    for account_id in _held_accounts():
        for jobs in _kinds:
            held = jobs(account_id).exclude(error_code=NOT_ALLOWED)
            count += controls.resume(held, reason=HeldReason.NEEDS_RECONNECT)
    return count


def _held_accounts() -> list[UUID]:
    held = Q(import_jobs__held_reason=HeldReason.NEEDS_RECONNECT) | Q(sync_runs__held_reason=HeldReason.NEEDS_RECONNECT)
    return list(ProviderAccount.objects.filter(held, state=State.CONNECTED).values_list("pk", flat=True).distinct())


def _tell(account: ProviderAccount, message: str) -> None:
    text = (
        f"{message}\n\nSign in again on the page of the account, and what waits for it continues by itself. "
        "Nothing that was brought in is lost."
    )
    notify(
        account.owner_id,
        kind="account_needs_reconnect",
        subject=f"{account} must be reconnected",
        body=text,
        payload={"text": f"{account} must be reconnected. {message}", "account": str(account.pk)},
        webhook="ALERT_WEBHOOK_URL",
        key=f"account {account.pk} grant {account.grant_version}",
    )
