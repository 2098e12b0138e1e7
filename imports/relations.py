"""How import rows follow a contact that is merged into another or erased."""

from __future__ import annotations

from django.db import connection
from django.db.models import Case, Exists, OuterRef, QuerySet, Value, When

from contacts.registries import ContactIds, ContactRelation, register_relation
from imports.models import ImportRow
from imports.reasons import Reason
from media_store.models import StoredFile
from media_store.references import names_in_use

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
    register_relation(
        ContactRelation(
            model=ImportRow,
            field="contact",
            erase=erase,
            merged=mark,
            unmerged=unmark,
            find=rows_of,
            label="rows of imports",
        )
    )


def mark(contact_ids: ContactIds) -> None:
    with connection.cursor() as cursor:
        cursor.execute(MARK, {"contacts": list(contact_ids)})


def unmark(contact_ids: ContactIds) -> None:
    with connection.cursor() as cursor:
        cursor.execute(UNMARK, {"contacts": list(contact_ids)})


def rows_of(contact_ids: ContactIds) -> QuerySet[ImportRow]:
    """Return the rows that made or changed these contacts, or would, and the duplicates that joined them."""
    own = ImportRow.objects.filter(contact_id__in=contact_ids)
    first = own.filter(job_id=OuterRef("job_id"), position=OuterRef("joined_to"))
    return own | ImportRow.objects.filter(Exists(first))


def erase(contact_ids: ContactIds) -> None:
    empty(list(rows_of(contact_ids).values_list("pk", flat=True)))


def empty(row_ids: list[int]) -> None:
    """Take the content out of these rows; that there was an entry, what was decided and what came of it stays.

    A row that is still to be carried out is left out then: a preview does not bring somebody back.
    """
    rows = ImportRow.objects.filter(pk__in=row_ids)
    photos = set(rows.exclude(photo="").values_list("photo", flat=True))
    rows.update(
        **dict.fromkeys(("raw", "photo", "external_id", "etag", "error"), ""),
        **dict.fromkeys(("changes", "before", "contact", "contact_seen_at")),
        parsed={},
        reason=Reason.ERASED,
        decision=Case(When(outcome="", then=Value(ImportRow.Decision.SKIP)), default="decision"),
    )
    # A picture that two entries of a file share is one stored file: it stays for the other.
    StoredFile.objects.filter(name__in=photos).mark_deleted()
    StoredFile.objects.filter(name__in=names_in_use(photos)).update(deleted_at=None)
