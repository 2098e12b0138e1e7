"""How health's rows follow a contact that is merged or erased: what can be computed again goes, wishes move."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.db import models

from contacts.handwork import register_check
from contacts.registries import ContactIds, ContactRelation, among, register_relation
from health.models import Alert, BandChange, HealthSnapshot, KeepInTouch, RelationshipHealth, Reminder, Signal

COMPUTED: tuple[type[models.Model], ...] = (RelationshipHealth, HealthSnapshot, BandChange, Signal, Alert)


def register() -> None:
    """Enter this app's relations; called from HealthConfig.ready."""
    for model in COMPUTED:
        register_relation(ContactRelation(model=model, field="contact", is_dropped=True, erase=_eraser(model)))
    # One wish each: the survivor's own stands.
    for model, twin in ((Reminder, "false"), (KeepInTouch, "true")):
        relation = ContactRelation(model=model, field="contact", twin=twin, erase=_eraser(model))
        register_relation(relation)
    for model in (Reminder, KeepInTouch):
        register_check(_finder(model))


def _eraser(model: type[models.Model]) -> Callable[[ContactIds], None]:
    def erase(contact_ids: ContactIds) -> None:
        model._default_manager.filter(contact_id__in=among(contact_ids)).delete()

    return erase


def _finder(model: type[models.Model]) -> Callable[[ContactIds], set[UUID]]:
    """Return a check for what a person wants of a contact (contacts.handwork)."""

    def check(contact_ids: ContactIds) -> set[UUID]:
        rows = model._default_manager.filter(contact_id__in=among(contact_ids))
        return set(rows.values_list("contact_id", flat=True))

    return check
