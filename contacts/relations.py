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
from contacts.registries import ContactIds, ContactRelation, among
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


LABELS: dict[type[models.Model], str] = {
    ContactEmail: "e-mail addresses",
    ContactPhone: "phone numbers",
    ContactAddress: "postal addresses",
    ContactLink: "links",
    ContactPicture: "pictures",
    CommunicationEvent: "notes, calls, meetings and messages",
    Contact.tags.through: "tags on the contact",
    Deal.contacts.through: "links to deals",
}


def register() -> None:
    """Enter this app's relations; called from ContactsConfig.ready."""
    for model, twin in TWINS.items():
        erase, label = _eraser(model, "contact"), LABELS.get(model, "")
        relation = ContactRelation(model=model, field="contact", twin=twin, erase=erase, label=label)
        registries.register_relation(relation)
    merges = ContactRelation(model=MergeRecord, field="contact", erase=_erase_merges, find=merges_of, label="merges")
    registries.register_relation(merges)
    for model, field in ((DuplicateSuggestion, "first"), (DuplicateSuggestion, "second"), (HandEdit, "contact")):
        relation = ContactRelation(model=model, field=field, is_dropped=True, erase=_eraser(model, field))
        registries.register_relation(relation)


def delete_contacts(contact_ids: ContactIds) -> int:
    """Delete these contacts with everything that hangs on them, through the registry; return how many there were.

    Their files are marked as deleted and go two days later; what only speaks of them stays: `contacts.erasing` is for
    those who have asked to be forgotten.
    """
    with transaction.atomic():
        owners = Contact.objects.filter(pk__in=contact_ids).values_list("pk", "owner_id")
        acts = [audit.event(audit.Verb.DELETED, Contact, owner_id=owner, object_id=pk) for pk, owner in owners]
        deleted = delete_rows(contact_ids)
        audit.record_all(acts)
    return deleted


def delete_rows(contact_ids: ContactIds) -> int:
    """Delete contacts and all rows of the registry, in the caller's transaction; return the number of contacts."""
    lock(contact_ids)
    for relation in registries.relations.values():
        relation.erase(contact_ids)
    _, deleted = Contact.objects.filter(pk__in=contact_ids).delete()
    return deleted.get(Contact._meta.label, 0)


def lock(contact_ids: ContactIds) -> None:
    """Hold the contacts, in the order of everybody who locks several: nobody adds a row to them any more."""
    rows = Contact.objects.filter(pk__in=contact_ids).order_by("pk")
    list(rows.select_for_update(of=("self",)).values_list("pk", flat=True))


def _eraser(model: type[models.Model], field: str) -> Callable[[ContactIds], None]:
    def erase(contact_ids: ContactIds) -> None:
        _delete(model._default_manager.filter(**{f"{field}__in": among(contact_ids)}))

    return erase


def _erase_merges(contact_ids: ContactIds) -> None:
    delete_merges(merges_of(contact_ids))


def merges_of(contact_ids: ContactIds) -> QuerySet[MergeRecord]:
    """Return the merges into these contacts, and those of them that were undone: both name them."""
    return MergeRecord.objects.filter(Q(contact__in=among(contact_ids)) | Q(loser_id__in=among(contact_ids)))


def _delete(rows: QuerySet[models.Model]) -> None:
    """Delete rows; a picture goes with its photo job and files."""
    if rows.model is ContactPicture:
        delete_photo_jobs(PhotoJob.objects.filter(contact_picture__in=rows))
    else:
        rows.delete()


def delete_merges(records: QuerySet[MergeRecord]) -> int:
    """Delete records of merges, which then stand for good, with the pictures that only they remember."""
    ids = list(records.values_list("pk", flat=True))
    forget_journals(records)
    return MergeRecord.objects.filter(pk__in=ids).delete()[0]


def forget_journals(records: QuerySet[MergeRecord]) -> int:
    """Empty the journals of merges, and delete the pictures that only they remember; return the number of merges."""
    delete_photo_jobs(PhotoJob.objects.filter(pk__in=_photo_jobs_of(records), contact_picture=None))
    return records.update(journal={}, loser_name="")


def photo_jobs_in_journals(contact_ids: ContactIds) -> list[int]:
    """Return the ids of the photo jobs that merges of these contacts took away and would bring back."""
    return _photo_jobs_of(merges_of(contact_ids))


def _photo_jobs_of(records: QuerySet[MergeRecord]) -> list[int]:
    journals = records.filter(undone_at=None).values_list("journal__rows__contacts.ContactPicture.contact", flat=True)
    return [row["photo_job_id"] for moved in journals if moved for row in moved.get("gone", [])]
