"""What hangs on a contact that a person wrote, and that must not go with it when an import is undone."""

from __future__ import annotations

from collections.abc import Callable, Collection
from uuid import UUID

from django.db.models import Q

from contacts.models import Chat, CommunicationEvent, Deal
from contacts.models.chat import Matched
from contacts.registries import among

Check = Callable[[Collection[UUID]], set[UUID]]

checks: list[Check] = []


def register_check(check: Check) -> None:
    """Add a check that returns those of the given contacts on which something hangs; from AppConfig.ready."""
    if check not in checks:
        checks.append(check)


def written_by_hand(contact_ids: Collection[UUID]) -> set[UUID]:
    """Return those of these contacts on which something hangs that a person wrote or decided.

    These are notes, deals, chats linked by hand, reminders.
    """
    if not contact_ids:
        return set()
    return {contact_id for check in (_events, _deals, _chats, *checks) for contact_id in check(contact_ids)}


def _events(contact_ids: Collection[UUID]) -> set[UUID]:
    """Events that a person logged or rated; those that a sync brought come again by themselves."""
    own = Q(source="manual") | Q(rating__isnull=False) | ~Q(body="")
    events = CommunicationEvent.objects.filter(own, contact_id__in=among(contact_ids))
    return set(events.order_by().values_list("contact_id", flat=True))


def _deals(contact_ids: Collection[UUID]) -> set[UUID]:
    links = Deal.contacts.through._default_manager.filter(contact_id__in=among(contact_ids))
    return set(links.values_list("contact_id", flat=True))


def _chats(contact_ids: Collection[UUID]) -> set[UUID]:
    """Chats of which a person said whose they are."""
    chats = Chat.objects.filter(contact__in=among(contact_ids), matched_by=Matched.HAND)
    return set(chats.order_by().values_list("contact_id", flat=True))
