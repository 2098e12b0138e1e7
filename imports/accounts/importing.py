"""Import the contacts of an account: when a person asks, and by the account's rhythm."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from config import audit
from config.jobs.bell import ring
from config.jobs.models import Priority
from imports.accounts.providers import PROVIDERS, Feature
from imports.lifecycle import NotAllowed, refuse_second
from imports.models import ImportJob, ProviderAccount

Rhythm, State = ProviderAccount.Rhythm, ProviderAccount.State

# A little under a day and a week, so that the hour does not wander.
PERIODS = {Rhythm.DAILY: timedelta(hours=23, minutes=30), Rhythm.WEEKLY: timedelta(days=6, hours=23, minutes=30)}


def start_import(
    account: ProviderAccount,
    *,
    has_preview: bool = True,
    on_conflict: str = "",
    is_full: bool = False,
    priority: int = Priority.PERSON,
) -> ImportJob:
    """Queue an import of the account's contacts; raises AlreadyOpen, or NotAllowed for one that cannot be read.

    After the first it asks only for what has changed, unless `is_full`. `on_conflict` is by default to fill blanks the
    first time, and later to take over what was changed at the provider: what people edit here is locked anyway.
    """
    with transaction.atomic():
        refuse_second(account.pk)
        locked = ProviderAccount.objects.get(pk=account.pk)
        _must_be_readable(locked)
        job = ImportJob.objects.create(
            owner_id=locked.owner_id,
            provider=locked.provider,
            account=locked,
            priority=priority,
            upload_name=locked.address[:255],
            has_preview=has_preview,
            on_conflict=on_conflict or usual_on_conflict(locked),
            cursor={"is_full": True} if is_full else {},
        )
        if not has_preview:
            audit.record(audit.Verb.CONFIRMED, ImportJob, owner_id=job.owner_id, object_id=job.pk)
        ring(ImportJob.QUEUE)
    return job


def usual_on_conflict(account: ProviderAccount) -> str:
    """Return what is best done with contacts that are known already, where nobody says otherwise.

    Names from a messenger are what people call themselves there, and never replace what stands in an address book.
    """
    if account.provider == ProviderAccount.Provider.BEEPER:
        return ImportJob.OnConflict.FILL_BLANKS
    return ImportJob.OnConflict.OVERWRITE if account.imported_at else ImportJob.OnConflict.FILL_BLANKS


def has_contacts(account: ProviderAccount) -> bool:
    """Say whether people can be imported from accounts of this provider."""
    return account.provider in (*PROVIDERS, ProviderAccount.Provider.BEEPER)


def start_due_imports(*, now: datetime) -> int:
    """Start an import, without a preview, of each account whose rhythm says so; return how many."""
    started = 0
    for account in ProviderAccount.objects.filter(_due(now), state=State.CONNECTED).order_by("imported_at", "pk"):
        try:
            start_import(account, has_preview=False, priority=Priority.BACKFILL)
            started += 1
        except NotAllowed:
            continue  # it waits for a person, who sees it on the home page
    return started


def _due(now: datetime) -> Q:
    due = Q()
    for rhythm, period in PERIODS.items():
        is_late = Q(imported_at=None) | Q(imported_at__lt=now - period)
        due |= Q(is_late, import_rhythm=rhythm)
    # One that failed is tried again at its next turn, not each minute.
    recent = ImportJob.objects.filter(queued_at__gt=now - PERIODS[Rhythm.DAILY], account__isnull=False)
    return due & ~Q(pk__in=recent.values("account_id"))


def _must_be_readable(account: ProviderAccount) -> None:
    if not has_contacts(account):
        raise NotAllowed(f"Contacts are not imported from {account.get_provider_display()}.")
    if account.state == State.DISCONNECTED:
        raise NotAllowed(f"{account} is disconnected. Connect it again first.")
    if account.state == State.NEEDS_RECONNECT:
        raise NotAllowed(f"{account} must be reconnected first.")
    provider = PROVIDERS.get(account.provider)
    if provider and provider.missing_features([Feature.CONTACTS], granted=account.scopes):
        raise NotAllowed(f"{provider.label} was not allowed to show us contacts. Reconnect the account.")
