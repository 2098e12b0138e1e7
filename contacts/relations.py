"""How the rows of this app follow a contact when it is merged into another or erased."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.db import models, transaction
from django.db.models import Exists, OuterRef, QuerySet

from contacts import registries
from contacts.models import (
    CommunicationEvent,
    Contact,
    ContactAddress,
    ContactEmail,
    ContactLink,
    ContactPhone,
    ContactPicture,
    Deal,
    ExternalIdentity,
)
from contacts.registries import ContactIds, ContactRelation
from media_store.models import PhotoJob
from media_store.removal import delete_photo_jobs

# What makes two rows of one contact the same: the survivor keeps its own, the loser's twin goes.
SAME: dict[type[models.Model], list[str]] = {
    ContactEmail: ["normalized"],
    ContactPhone: ["raw"],
    ContactAddress: ["street", "postal_code", "city"],
    ContactLink: ["kind", "value"],
    ContactPicture: ["source"],
    ExternalIdentity: ["source", "account_key", "external_id"],
    CommunicationEvent: ["source", "external_id"],
    Contact.tags.through: ["tag"],
    Deal.contacts.through: ["deal"],
}


def register() -> None:
    """Enter this app's relations; called from ContactsConfig.ready."""
    for model, same in SAME.items():
        relation = ContactRelation(model=model, field="contact", merge=_mover(model, same), erase=_eraser(model))
        registries.register_relation(relation)


def erase_contacts(contact_ids: ContactIds) -> int:
    """Delete these contacts with everything that hangs on them, through the registry; return how many there were."""
    with transaction.atomic():
        for relation in registries.relations.values():
            relation.erase(contact_ids)
        _, deleted = Contact.objects.filter(pk__in=contact_ids).delete()
    return deleted.get(Contact._meta.label, 0)


def _mover(model: type[models.Model], same: list[str]) -> Callable[[ContactIds, UUID], None]:
    def merge(loser_ids: ContactIds, survivor_id: UUID) -> None:
        for loser_id in loser_ids:
            rows = model._default_manager.filter(contact_id=loser_id)
            twins = model._default_manager.filter(contact_id=survivor_id, **{name: OuterRef(name) for name in same})
            _delete(rows.filter(Exists(twins)))
            rows.update(contact_id=survivor_id)

    return merge


def _eraser(model: type[models.Model]) -> Callable[[ContactIds], None]:
    def erase(contact_ids: ContactIds) -> None:
        _delete(model._default_manager.filter(contact_id__in=contact_ids))

    return erase


def _delete(rows: QuerySet[models.Model]) -> None:
    """Delete rows; a picture goes with its photo job and files."""
    if rows.model is ContactPicture:
        delete_photo_jobs(PhotoJob.objects.filter(contact_picture__in=rows))
    else:
        rows.delete()
