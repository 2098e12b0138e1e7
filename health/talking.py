"""Note that the owner was in touch with a contact, and close what that answers."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from contacts.events import log_event
from contacts.models import CommunicationEvent, Contact
from health import reminders


def talked(contact: Contact, *, now: datetime) -> int:
    """Log a call of now, which makes the score due, and close the contact's follow-ups; return how many those were."""
    with transaction.atomic():
        log_event(contact, kind=CommunicationEvent.Kind.CALL, happened_at=now, subject="Talked")
        return reminders.close_answered(owner_id=contact.owner_id, now=now)
