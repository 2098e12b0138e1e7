"""Open deals and move them along; every stay in a stage is recorded with its times."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from contacts.models import Contact, Deal, DealStage, DealStay


def open_deal(
    *, owner_id: int, name: str, stage: DealStage, now: datetime, contacts: tuple[Contact, ...] = (), **fields: Any
) -> Deal:
    """Create a deal that enters `stage` now, with the contacts it is about."""
    with transaction.atomic():
        deal = Deal.objects.create(owner_id=owner_id, name=name, stage=stage, stage_changed_at=now, **fields)
        deal.contacts.set(contacts)
        record_opening(deal, now=now)
    return deal


def record_opening(deal: Deal, *, now: datetime) -> None:
    """Begin the journal of a deal that was just written."""
    DealStay.objects.create(deal=deal, stage_id=deal.stage_id, entered_at=now)


def move_deal(deal: Deal, *, stage: DealStage, now: datetime) -> bool:
    """Put the deal into `stage` and record the change; false when it is there already.

    A deal that nobody recorded before gets its first stay with the first move, from its last known change on.
    """
    with transaction.atomic():
        current = Deal.objects.select_for_update(no_key=True).get(pk=deal.pk)
        if current.stage_id == stage.pk:
            return False
        _leave(current, now=now)
        Deal.objects.filter(pk=deal.pk).update(stage=stage, stage_changed_at=now)
        DealStay.objects.create(deal=current, stage=stage, entered_at=now)
    deal.stage, deal.stage_changed_at = stage, now
    return True


def _leave(deal: Deal, *, now: datetime) -> None:
    if DealStay.objects.filter(deal=deal, left_at=None).update(left_at=now):
        return
    entered_at = deal.stage_changed_at or deal.created_at
    DealStay.objects.create(deal=deal, stage_id=deal.stage_id, entered_at=entered_at, left_at=now)
