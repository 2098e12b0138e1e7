"""How import rows follow a contact that is merged into another or erased."""

from __future__ import annotations

from django.db import connection
from django.db.models import Exists, OuterRef

from contacts.registries import ContactIds, ContactRelation, register_relation
from imports.models import ImportRow
from media_store.models import StoredFile

# What an import wrote to one of two merged contacts can no longer be told from what the other one had: undoing it
# leaves such a contact alone.
MARK = f"""
    update {ImportRow._meta.db_table} row set before = coalesce(row.before, '{{}}') || '{{"merged": true}}'
    where row.contact_id = any(%(contacts)s)
"""
UNMARK = f"""
    update {ImportRow._meta.db_table} row set before = nullif(row.before - 'merged', '{{}}')
    where row.contact_id = any(%(contacts)s) and row.before ? 'merged'
"""


def register() -> None:
    """Enter the relation; called from ImportsConfig.ready."""
    relation = ContactRelation(model=ImportRow, field="contact", erase=erase, merged=mark, unmerged=unmark)
    register_relation(relation)


def mark(contact_ids: ContactIds) -> None:
    with connection.cursor() as cursor:
        cursor.execute(MARK, {"contacts": list(contact_ids)})


def unmark(contact_ids: ContactIds) -> None:
    with connection.cursor() as cursor:
        cursor.execute(UNMARK, {"contacts": list(contact_ids)})


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
