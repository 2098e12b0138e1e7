"""Where each value of a contact comes from: a person, an import, a merge; and which fields imports leave alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst

from contacts import registries
from contacts.models import Contact, HandEdit, MergeRecord
from contacts.registries import Origin, Panel
from contacts.uniting import CHOSEN

# The text by which a row is known, the same for a row of ours and an entry of an import.
ROW_TEXTS = {
    "emails": ("address",),
    "phones": ("raw",),
    "addresses": ("street", "postal_code", "city"),
    "links": ("value",),
    "tags": ("name",),
}
ROWS_SHOWN = 50
Key = tuple[str, str]


@dataclass(frozen=True)
class Line:
    """One value of the panel; `lock` is the field's name where imports leave it alone."""

    label: str
    value: str
    origin: str
    at: datetime | None
    url: str
    lock: str = ""


def register() -> None:
    """Enter the panel; called from ContactsConfig.ready."""
    registries.register_origins(_merges)
    registries.register_panel(Panel("Where this comes from", "contacts/admin/provenance.html", panel, position=200))


def panel(contact: Contact, request: HttpRequest) -> dict[str, Any] | None:
    """Return `lines`, and whether the viewer may remove locks."""
    return {
        "lines": lines_of(contact),
        "contact": contact,
        "may_unlock": request.user.has_perm("contacts.change_contact"),
    }


def lines_of(contact: Contact) -> list[Line]:
    """Return a line for each field that is filled or locked, and each row that hangs on the contact."""
    newest: dict[Key, Origin] = {}
    for source in registries.origins:
        for found in source(contact):
            known = newest.get((found.field, found.value))
            if known is None or _is_later(found, known):
                newest[found.field, found.value] = found
    edits = {(edit.field, edit.row_id): edit for edit in contact.hand_edits.all()}
    lines = []
    for field, row_id, key, shown in [*_fields(contact), *_rows(contact)]:
        lock = field if field in contact.locked_fields else ""
        unknown = Origin(field, key, "edited by hand" if lock else "not recorded", None)
        origin = _latest(newest.get((field, key)), edits.get((field, row_id)), is_locked=bool(lock)) or unknown
        lines.append(Line(_label(field), shown, origin.label, origin.at, origin.url, lock))
    return lines


def note_edits(contact: Contact, edits: Iterable[tuple[str, int]], *, edited_by: str, now: datetime) -> None:
    """Remember that a person has written these (field, row id) of the contact; the row id of a field is 0."""
    rows = [
        HandEdit(
            owner_id=contact.owner_id, contact=contact, field=field, row_id=row_id, edited_by=edited_by, edited_at=now
        )
        for field, row_id in dict.fromkeys(edits)
    ]
    HandEdit.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["contact", "field", "row_id"],
        update_fields=["edited_by", "edited_at"],
    )


def row_text(field: str, entry: Any) -> str:
    """Return the text by which a row, or an entry of an import (a mapping or the text itself), is known."""
    if isinstance(entry, str):
        return entry.casefold()
    read = entry.get if isinstance(entry, dict) else lambda name: getattr(entry, name)
    return "|".join(str(read(name) or "") for name in ROW_TEXTS[field]).casefold()


def _fields(contact: Contact) -> Iterable[tuple[str, int, str, str]]:
    for field in CHOSEN:
        value = str(getattr(contact, field) or "")
        if value or field in contact.locked_fields:
            yield field, 0, value, value


def _rows(contact: Contact) -> Iterable[tuple[str, int, str, str]]:
    for field in ROW_TEXTS:
        for row in getattr(contact, field).all()[:ROWS_SHOWN]:
            yield field, row.pk, row_text(field, row), str(row)


def _merges(contact: Contact) -> Iterable[Origin]:
    merges = MergeRecord.objects.filter(contact=contact, undone_at=None).order_by("pk")
    for pk, name, at, fields in merges.values_list("pk", "loser_name", "merged_at", "journal__fields"):
        url = reverse("admin:contacts_mergerecord_change", args=[pk])
        for field, values in (fields or {}).items():
            if isinstance(values["new"], str):
                yield Origin(field, values["new"], f"merged from {name}", at, url, is_choice=True)


def _latest(origin: Origin | None, edit: HandEdit | None, *, is_locked: bool) -> Origin | None:
    if edit is None:
        return origin
    if origin and origin.at and origin.at > edit.edited_at and (origin.is_choice or not is_locked):
        return origin
    by = f" by {edit.edited_by}" if edit.edited_by else ""
    return Origin(edit.field, "", f"edited by hand{by}", edit.edited_at)


def _is_later(origin: Origin, known: Origin) -> bool:
    return known.at is None or (origin.at is not None and origin.at >= known.at)


def _label(field: str) -> str:
    names: Collection[str] = CHOSEN
    singular = {"emails": "E-mail", "phones": "Phone", "addresses": "Address", "links": "Link", "tags": "Tag"}
    return str(capfirst(Contact._meta.get_field(field).verbose_name)) if field in names else singular[field]  # type: ignore[union-attr]
