"""Erase people: everything that the hub holds of them, at once, and again when a backup brings them back.

More than a deletion (`contacts.relations.delete_contacts`): what only speaks of them goes too, the bytes of their files
do not wait for the collector, and the ledger (`config.erasures`) remembers their ids.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from config import audit, erasures
from contacts import registries
from contacts.models import (
    Contact,
    ContactEmail,
    ContactLink,
    ContactPhone,
    ContactPicture,
    ExternalIdentity,
    MergeRecord,
    Organization,
    Tag,
)
from contacts.registries import ContactIds, Erased
from contacts.relations import delete_rows, lock, photo_jobs_in_journals
from media_store import erasing as media
from media_store.collecting import Amount, Busy
from media_store.models import PhotoJob

log = structlog.get_logger(__name__)

AT_ONCE = 500
# In bytes: three letters, or one character of a script with many.
SHORTEST_WORD = 3

# Where to read the words by which somebody is known.
WORDS: tuple[tuple[type, tuple[str, ...]], ...] = (
    (ContactEmail, ("address", "normalized")),
    (ContactPhone, ("raw", "e164")),
    (ContactLink, ("value",)),
    (ExternalIdentity, ("external_id",)),
    (ContactPicture, ("source_url",)),
)


@dataclass
class Report:
    """What an erasure did: people, rows by what they are called, files and bytes freed.

    `problems` are sentences about what could not be done at once: bytes that are left to the nightly clean-up, a ledger
    file that could not be written. The people are gone from the database all the same.
    """

    contacts: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    freed: Amount = field(default_factory=Amount)
    problems: list[str] = field(default_factory=list)


def holdings(contact_ids: ContactIds) -> dict[str, int]:
    """Return what an erasure would take, by what it is called, without what is not there."""
    erased = _describe(contact_ids)
    found: dict[str, int] = {}
    for relation in registries.relations.values():
        found[relation.title] = found.get(relation.title, 0) + relation.rows(contact_ids).count()
    for trace in registries.traces:
        found[trace.title] = found.get(trace.title, 0) + trace.find(erased)
    found["organizations and tags that nobody else has"] = sum(rows.count() for rows in _only_theirs(contact_ids))
    return {title: number for title, number in found.items() if number}


def stored_files(contact_ids: ContactIds) -> Amount:
    """Return number and bytes of the pictures that are stored for these contacts."""
    return media.files_of(_photo_jobs(contact_ids))


def known_ids(contact_ids: ContactIds) -> set[UUID]:
    """Return those of these ids of which the hub holds anything: contacts, and what was left of former ones."""
    found: set[UUID] = set()
    for ids in _batches(contact_ids):
        found.update(Contact.objects.filter(pk__in=ids).values_list("pk", flat=True))
        for relation in registries.relations.values():
            found.update(relation.rows(ids).order_by().values_list(relation.field, flat=True).distinct())
        found.update(MergeRecord.objects.filter(loser_id__in=ids).values_list("loser_id", flat=True))
    return found & set(contact_ids)


def erase_contacts(contact_ids: ContactIds, *, now: datetime) -> Report:
    """Erase these contacts, 500 in a transaction, then free the bytes of their files and write the ledger file.

    Not inside a transaction of the caller's: what has gone from the disk cannot be rolled back. Ids that are nobody's
    (any more) are passed over; what was left of them goes.
    """
    report = Report()
    owner_ids: set[int] = set()
    for ids in _batches(contact_ids):
        with transaction.atomic(durable=True):
            owner_ids |= _erase(ids, report, now=now)
    if owner_ids:
        _free(owner_ids, report, now=now)
    write_ledger(report)
    return report


def write_ledger(report: Report) -> None:
    """Bring the ledger file up to date; a file that cannot be written becomes one of the report's problems."""
    try:
        erasures.write_file(settings.ERASURE_LEDGER)
    except (OSError, erasures.LedgerUnreadable) as error:
        log.exception("erasure_ledger_not_written")
        reason = getattr(error, "strerror", None) or str(error)
        report.problems.append(
            f"The erasure ledger {settings.ERASURE_LEDGER} could not be written ({reason}). Mend that: without it a "
            "restored backup brings people back. The next erasure or backup writes what is missing."
        )


def _batches(contact_ids: ContactIds) -> Iterator[list[UUID]]:
    ids = sorted(set(contact_ids))
    for start in range(0, len(ids), AT_ONCE):
        yield ids[start : start + AT_ONCE]


def _erase(contact_ids: list[UUID], report: Report, *, now: datetime) -> set[int]:
    """Erase one batch in the caller's transaction; return whose contacts they were."""
    lock(contact_ids)
    owners = dict(Contact.objects.filter(pk__in=contact_ids).values_list("pk", "owner_id"))
    for title, number in holdings(contact_ids).items():
        report.rows[title] = report.rows.get(title, 0) + number
    merged = MergeRecord.objects.filter(contact__in=contact_ids, undone_at=None)
    former = [(loser_id, owner_id) for loser_id, owner_id in merged.values_list("loser_id", "owner_id")]
    pictures = ContactPicture.objects.filter(contact__in=contact_ids)
    traces = media.traces_of(_photo_jobs(contact_ids), urls=pictures.values_list("source_url", flat=True))
    erased = _describe(contact_ids)
    for trace in registries.traces:
        trace.erase(erased)
    alone = [list(rows.values_list("pk", flat=True)) for rows in _only_theirs(contact_ids)]
    report.contacts += delete_rows(contact_ids)
    for model, ids in zip((Organization, Tag), alone, strict=True):
        model._default_manager.filter(pk__in=ids).delete()
    media.forget(traces)
    known = {**dict.fromkeys(contact_ids, 0), **owners, **dict(former)}
    erasures.record([erasures.Entry(pk, owner_id, now) for pk, owner_id in known.items()])
    audit.record_all(
        [audit.event(audit.Verb.ERASED, Contact, owner_id=owner, object_id=pk) for pk, owner in owners.items()]
    )
    return {*owners.values(), *erased.owner_ids}


def _describe(contact_ids: ContactIds) -> Erased:
    contacts = Contact.objects.filter(pk__in=contact_ids)
    words: set[str] = {str(pk) for pk in contact_ids}
    for names in contacts.values_list("display_name", "nickname"):
        words.update(names)
    for model, fields in WORDS:
        for values in model._default_manager.filter(contact__in=contact_ids).values_list(*fields):  # type: ignore[attr-defined]
            words.update(values)
    return Erased(
        contact_ids=frozenset(contact_ids),
        owner_ids=frozenset(contacts.values_list("owner_id", flat=True)),
        words=frozenset(word for word in words if len(word.encode()) >= SHORTEST_WORD),
    )


def _photo_jobs(contact_ids: ContactIds) -> QuerySet[PhotoJob]:
    """Return the photo jobs of these contacts, and those that only the journals of their merges remember."""
    remembered = photo_jobs_in_journals(contact_ids)
    theirs = Q(contact_picture__contact__in=contact_ids) | Q(chat__contact__in=contact_ids)
    return PhotoJob.objects.filter(theirs | Q(pk__in=remembered))


def _only_theirs(contact_ids: ContactIds) -> tuple[QuerySet[Organization], QuerySet[Tag]]:
    """Return the organizations of which we know but the name, and the tags, that no other contact has."""
    others = Contact.objects.exclude(pk__in=contact_ids)
    organizations = Organization.objects.filter(contacts__in=contact_ids, domain="", logo="")
    organizations = organizations.filter(~Exists(others.filter(organization=OuterRef("pk"))))
    tagged = Contact.tags.through._default_manager.exclude(contact__in=contact_ids).filter(tag=OuterRef("pk"))
    return organizations.distinct(), Tag.objects.filter(~Exists(tagged), contacts__in=contact_ids).distinct()


def _free(owner_ids: Collection[int], report: Report, *, now: datetime) -> None:
    try:
        report.freed = media.free_at_once(owner_ids, now=now)
    except (Busy, OSError) as error:
        log.exception("erased_bytes_not_freed")
        report.problems.append(
            f"Not all files could be taken from the store at once ({error}); the nightly clean-up tries again."
        )
