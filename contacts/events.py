"""Write down what happened between the owner and a contact."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from contacts import news
from contacts.identifiers import uuid7
from contacts.models import CommunicationEvent, Contact

LOGGABLE_KINDS = (
    CommunicationEvent.Kind.NOTE,
    CommunicationEvent.Kind.CALL,
    CommunicationEvent.Kind.MEETING,
)


def log_event(
    contact: Contact,
    *,
    kind: str,
    happened_at: datetime,
    direction: str = CommunicationEvent.Direction.MUTUAL,
    subject: str = "",
    body: str = "",
    rating: Decimal | None = None,
) -> CommunicationEvent:
    """Record a note, call or meeting that a person wrote down by hand; the contact has a new fact from now on.

    `rating` is how it went by the owner's own judgement, -1 to 1.
    """
    if kind not in LOGGABLE_KINDS:
        raise ValueError(f"{kind!r} cannot be logged by hand")
    with transaction.atomic():
        event = CommunicationEvent.objects.create(
            owner_id=contact.owner_id,
            contact=contact,
            kind=kind,
            direction=direction,
            happened_at=happened_at,
            source="manual",
            external_id=str(uuid7()),
            subject=subject,
            body=body,
            rating=rating,
        )
        Contact.objects.filter(pk=contact.pk).update(facts_at=timezone.now())
        news.tell(contact.owner_id, [contact.pk])
    return event
