"""How import rows follow a contact that is merged into another or erased."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Exists, OuterRef

from contacts.registries import ContactIds, ContactRelation, register_relation
from imports.models import ImportRow
from media_store.models import StoredFile


def register() -> None:
    """Enter the relation; called from ImportsConfig.ready."""
    register_relation(ContactRelation(model=ImportRow, field="contact", merge=merge, erase=erase))


def merge(loser_ids: ContactIds, survivor_id: UUID) -> None:
    ImportRow.objects.filter(contact_id__in=loser_ids).update(contact_id=survivor_id)


def erase(contact_ids: ContactIds) -> None:
    """Empty the rows that made or changed these contacts, and the duplicates that joined them; counts stay."""
    own = ImportRow.objects.filter(contact_id__in=contact_ids)
    first = own.filter(job_id=OuterRef("job_id"), position=OuterRef("joined_to"))
    for rows in (ImportRow.objects.filter(Exists(first)), own):
        photos = list(rows.exclude(photo="").values_list("photo", flat=True))
        StoredFile.objects.filter(name__in=photos).mark_deleted()
        rows.update(
            parsed={}, raw="", photo="", external_id="", etag="", error="", changes=None, before=None, contact=None
        )
