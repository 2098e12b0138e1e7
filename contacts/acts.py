"""Acts that touch many contacts at once, in the audit journal."""

from __future__ import annotations

from django.db.models import Count, QuerySet

from config import audit
from contacts.models import Contact


def record_for_owners(verb: audit.Verb, contacts: QuerySet[Contact], *, object_id: object = "") -> None:
    """Write one event for each owner of these contacts, with the number of theirs, in the caller's transaction."""
    numbers = contacts.order_by().values_list("owner_id").annotate(number=Count("pk"))
    audit.record_all(
        [
            audit.event(verb, Contact, owner_id=owner_id, object_id=object_id, number=number)
            for owner_id, number in numbers
        ]
    )
