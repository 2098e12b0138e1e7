"""How the rows of this app follow a contact when it is merged into another or erased."""

from __future__ import annotations

from collections.abc import Callable

from django.db import models, transaction
from django.db.models import Q, QuerySet

from config import audit
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
    DuplicateSuggestion,
    ExternalIdentity,
    HandEdit,
    MergeRecord,
)
from contacts.registries import ContactIds, ContactRelation
from media_store.models import PhotoJob
from media_store.removal import delete_photo_jobs

# What makes two rows of one contact the same: the survivor keeps its own, the loser's twin goes.
TWINS: dict[type[models.Model], str] = {
    ContactEmail: "coalesce(nullif(twin.normalized, ''), lower(twin.address)) "
    "= coalesce(nullif(item.normalized, ''), lower(item.address))",
    ContactPhone: "twin.raw = item.raw or (item.e164 <> '' and twin.e164 = item.e164)",
    ContactAddress: "(twin.street, twin.postal_code, twin.city, twin.region, twin.country) "
    "= (item.street, item.postal_code, item.city, item.region, item.country)",
    ContactLink: "(twin.kind, twin.value) = (item.kind, item.value)",
    ContactPicture: "twin.source = item.source",
    ExternalIdentity: "false",
    CommunicationEvent: "(twin.source, twin.external_id) = (item.source, item.external_id)",
    Contact.tags.through: "twin.tag_id = item.tag_id",
    Deal.contacts.through: "twin.deal_id = item.deal_id",
}


def register() -> None:
    """Enter this app's relations; called from ContactsConfig.ready."""
    for model, twin in TWINS.items():
        relation = ContactRelation(model=model, field="contact", twin=twin, erase=_eraser(model, "contact"))
        registries.register_relation(relation)
    registries.register_relation(ContactRelation(model=MergeRecord, field="contact", erase=_erase_merges))
    for model, field in ((DuplicateSuggestion, "first"), (DuplicateSuggestion, "second"), (HandEdit, "contact")):
        relation = ContactRelation(model=model, field=field, is_dropped=True, erase=_eraser(model, field))
        registries.register_relation(relation)


def erase_contacts(contact_ids: ContactIds) -> int:
    """Delete these contacts with everything that hangs on them, through the registry; return how many there were."""
    with transaction.atomic():
        owners = Contact.objects.filter(pk__in=contact_ids).values_list("pk", "owner_id")
        acts = [audit.event(audit.Verb.ERASED, Contact, owner_id=owner, object_id=pk) for pk, owner in owners]
        for relation in registries.relations.values():
            relation.erase(contact_ids)
        _, deleted = Contact.objects.filter(pk__in=contact_ids).delete()
        audit.record_all(acts)
    return deleted.get(Contact._meta.label, 0)


def _eraser(model: type[models.Model], field: str) -> Callable[[ContactIds], None]:
    def erase(contact_ids: ContactIds) -> None:
        _delete(model._default_manager.filter(**{f"{field}__in": contact_ids}))

    return erase


def _erase_merges(contact_ids: ContactIds) -> None:
    """Delete the merges into these contacts, and those of them that were undone: both name them."""
    delete_merges(MergeRecord.objects.filter(Q(contact__in=contact_ids) | Q(loser_id__in=contact_ids)))


def _delete(rows: QuerySet[models.Model]) -> None:
    """Delete rows; a picture goes with its photo job and files."""
    if rows.model is ContactPicture:
        delete_photo_jobs(PhotoJob.objects.filter(contact_picture__in=rows))
    else:
        rows.delete()


def delete_merges(records: QuerySet[MergeRecord]) -> int:
    """Delete records of merges, which then stand for good, with the pictures that only they remember."""
    journals = records.filter(undone_at=None).values_list("journal__rows__contacts.ContactPicture.contact", flat=True)
    pictures = [row for moved in journals if moved for row in moved.get("gone", [])]
    delete_photo_jobs(PhotoJob.objects.filter(pk__in=[row["photo_job_id"] for row in pictures], contact_picture=None))
    return records.delete()[0]
