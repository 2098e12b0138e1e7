"""Make one contact of two, and two of one again within 30 days.

A merge writes a journal of all that it changes (MergeRecord); undoing takes back exactly that, except what a person
changed since. Both work on many pairs at once with one statement for each relation.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from config import audit
from contacts import moving, registries
from contacts.models import Contact, DuplicateSuggestion, HandEdit, MergeRecord, Organization
from contacts.models.duplicate import UNDO_WINDOW
from contacts.relations import delete_merges, forget_journals
from contacts.uniting import CHOSEN, WRITTEN, Values, choose_values, fill_values

CONTACTS = Contact._meta.db_table
SUGGESTIONS = DuplicateSuggestion._meta.db_table

# The rows that a merge reads and an undo writes again, in one order, so that two merges cannot wait in a circle.
LOCK = f"""
    select id, to_jsonb(contact) from {CONTACTS} contact
    where owner_id = %(owner)s and id = any(%(ids)s::uuid[]) order by id for update
"""

WRITE = f"""
    update {CONTACTS} contact
    set {", ".join(f"{column} = item.{column}" for column in WRITTEN)},
        facts_at = greatest(contact.facts_at, item.facts_at), updated_at = clock_timestamp()
    from jsonb_populate_recordset(null::{CONTACTS}, %(rows)s::jsonb) item
    where contact.id = item.id
"""

BRING_BACK = f"""
    insert into {CONTACTS} select item.* from jsonb_populate_recordset(null::{CONTACTS}, %(rows)s::jsonb) item
    on conflict do nothing
"""
TOUCH = f"update {CONTACTS} set updated_at = clock_timestamp() where id = any(%(ids)s::uuid[])"

# Journals as one parameter: in arrays every quotation mark of theirs would be escaped, one by one.
RECORDS = MergeRecord._meta.db_table
SAVE = f"""
    insert into {RECORDS} (owner_id, contact_id, survivor_id, loser_id, loser_name, journal, merged_at)
    select owner_id, contact_id, survivor_id, loser_id, loser_name, journal, merged_at
    from jsonb_populate_recordset(null::{RECORDS}, %(rows)s::jsonb) returning loser_id, id
"""

# Whom a person has called somebody else stays somebody else for the survivor.
KEEP_DISMISSALS = f"""
    insert into {SUGGESTIONS} (owner_id, first_id, second_id, reasons, strength, state)
    select owner_id, least(other, survivor), greatest(other, survivor), reasons, strength, state
    from (
        select known.*, pair.survivor, case first_id when pair.loser then second_id else first_id end as other
        from unnest(%(losers)s::uuid[], %(survivors)s::uuid[]) as pair(loser, survivor)
        join {SUGGESTIONS} known on pair.loser in (known.first_id, known.second_id)
        where known.state = '{DuplicateSuggestion.State.DISMISSED}'
    ) known
    where other <> survivor
    on conflict do nothing returning id, first_id, second_id
"""


class MergeRefused(Exception):
    """It cannot be done (any more); the message says why in one sentence."""


@dataclass(frozen=True)
class Pair:
    """Who stays and who goes.

    `take` names the fields whose value is the loser's, `notes_of_both` joins the notes; without `take` blanks are
    filled, and what a person wrote goes before what an import wrote.
    """

    survivor_id: UUID
    loser_id: UUID
    take: Collection[str] | None = None
    notes_of_both: bool = False


def merge(pair: Pair, *, owner_id: int, now: datetime) -> MergeRecord:
    """Merge one pair; raises MergeRefused when one of the two is not there (any more)."""
    records = merge_pairs([pair], owner_id=owner_id, now=now)
    if not records:
        raise MergeRefused("One of the two contacts is no longer there. Perhaps they have been merged already.")
    return records[0]


def merge_pairs(pairs: Sequence[Pair], *, owner_id: int, now: datetime) -> list[MergeRecord]:
    """Merge pairs of one owner in one transaction and return their records.

    A pair of which one is gone is left out; so is one that shares a contact with a pair before it.
    """
    with transaction.atomic():
        ids = {pk for pair in pairs for pk in (pair.survivor_id, pair.loser_id)}
        rows = _lock(ids, owner_id=owner_id)
        chosen = list(_separate(pairs, rows))
        if not chosen:
            return []
        results = {pair.loser_id: _unite(pair, rows) for pair in chosen}
        journals = _move_rows({pair.loser_id: pair.survivor_id for pair in chosen})
        records = []
        for pair in chosen:
            loser, survivor, result = rows[pair.loser_id], rows[pair.survivor_id], results[pair.loser_id]
            changed = {name: result[name] for name in WRITTEN if result[name] != survivor[name]}
            fields = {name: {"old": survivor[name], "new": value} for name, value in changed.items()}
            records.append(_record(pair, loser, {"fields": fields, **journals[pair.loser_id]}, now=now))
        _execute(WRITE, rows=list(results.values()))
        _execute(f"delete from {CONTACTS} where id = any(%(ids)s::uuid[])", ids=list(results))
        _save(records)
        _note(audit.Verb.MERGED, records)
    return records


def unmerge(records: Collection[MergeRecord], *, owner_id: int, now: datetime) -> int:
    """Bring back the losers of these merges with what was theirs; return how many merges were undone.

    A field of the survivor goes back only if it still has the merged value and nobody has written it since; rows that
    a person has deleted stay deleted. Raises MergeRefused when one of them cannot be undone, and then undoes none.
    """
    with transaction.atomic():
        wanted = MergeRecord.objects.filter(owner_id=owner_id, pk__in=[record.pk for record in records])
        locked = list(wanted.select_for_update().order_by("-pk"))
        is_open = all(record.can_be_undone(now=now) for record in locked)
        if len(locked) < len(records) or not is_open or _has_later_merge(locked):
            raise MergeRefused("This merge has been undone already, is too old, or a later merge comes first.")
        survivors = _lock({record.survivor_id for record in locked}, owner_id=owner_id)
        losers = [record.journal["loser"] for record in locked]
        _take_back_fields(locked, survivors)
        _forget_lost_organizations([*losers, *survivors.values()], owner_id=owner_id)
        _execute(BRING_BACK, rows=losers)
        _execute(WRITE, rows=list(survivors.values()))
        _move_rows_back(locked)
        _execute(TOUCH, ids=[row["id"] for row in losers])
        _note(audit.Verb.UNMERGED, locked)
        wanted.update(undone_at=now, journal={})
    return len(locked)


def _has_later_merge(records: Collection[MergeRecord]) -> bool:
    """Say whether another merge into one of these survivors is newer: it may have dropped a row for one of theirs."""
    ids = [record.pk for record in records]
    later = MergeRecord.objects.filter(contact_id__in={record.survivor_id for record in records}, undone_at=None)
    newest = dict(later.exclude(pk__in=ids).order_by("pk").values_list("contact_id", "pk"))
    return any(newest.get(record.survivor_id, 0) > record.pk for record in records)


def forget_merges(*, now: datetime) -> int:
    """Forget what merges that can no longer be undone would need for it; return how many there were.

    Who was merged into whom stays known by id: should the survivor be erased, a backup must not bring back the loser.
    """
    with transaction.atomic():
        old = MergeRecord.objects.filter(merged_at__lte=now - UNDO_WINDOW).exclude(loser_name="")
        return delete_merges(old.exclude(undone_at=None)) + forget_journals(old.filter(undone_at=None))


def _lock(ids: Collection[UUID], *, owner_id: int) -> dict[UUID, Values]:
    with connection.cursor() as cursor:
        cursor.execute(LOCK, {"owner": owner_id, "ids": list(ids)})
        return {pk: json.loads(row) if isinstance(row, str) else row for pk, row in cursor.fetchall()}


def _separate(pairs: Sequence[Pair], rows: Mapping[UUID, Values]) -> Iterator[Pair]:
    seen: set[UUID] = set()
    for pair in pairs:
        both = {pair.survivor_id, pair.loser_id}
        if len(both) == 2 and both <= rows.keys() and not both & seen:
            seen |= both
            yield pair


def _unite(pair: Pair, rows: Mapping[UUID, Values]) -> Values:
    survivor, loser = rows[pair.survivor_id], rows[pair.loser_id]
    if pair.take is None:
        return fill_values(survivor, loser)
    return choose_values(survivor, loser, take=pair.take, notes_of_both=pair.notes_of_both)


def _move_rows(pairs: Mapping[UUID, UUID]) -> dict[UUID, dict[str, Any]]:
    """Move everything that hangs on the losers; return the journal's `rows` and `added` of each loser."""
    journals: dict[UUID, dict[str, Any]] = {loser_id: {"rows": {}, "added": []} for loser_id in pairs}
    with connection.cursor() as cursor:
        cursor.execute(KEEP_DISMISSALS, {"losers": list(pairs), "survivors": list(pairs.values())})
        added = cursor.fetchall()
    losers = {survivor_id: loser_id for loser_id, survivor_id in pairs.items()}
    for pk, first_id, second_id in added:
        journals[losers.get(first_id) or losers[second_id]]["added"].append(pk)
    for relation in registries.relations.values():
        for loser_id, moved in moving.move(relation, pairs).items():
            journals[loser_id]["rows"][relation.name] = moved
        if relation.merged:
            relation.merged(list(pairs.values()))
    return journals


def _move_rows_back(records: Sequence[MergeRecord]) -> None:
    losers, survivors = ({getattr(record, name) for record in records} for name in ("loser_id", "survivor_id"))
    others = MergeRecord.objects.filter(contact_id__in=survivors, undone_at=None).exclude(
        pk__in=[r.pk for r in records]
    )
    alone = losers | survivors - set(others.values_list("contact_id", flat=True))
    for relation in registries.relations.values():
        merges = [
            (record.loser_id, record.survivor_id, moved)
            for record in records
            if (moved := record.journal["rows"].get(relation.name))
        ]
        moving.move_back(relation, merges)
        if relation.unmerged:
            relation.unmerged(alone)
    added = [pk for record in records for pk in record.journal["added"]]
    DuplicateSuggestion.objects.filter(pk__in=added).delete()


def _record(pair: Pair, loser: Values, journal: dict[str, Any], *, now: datetime) -> MergeRecord:
    return MergeRecord(
        owner_id=loser["owner_id"],
        contact_id=pair.survivor_id,
        survivor_id=pair.survivor_id,
        loser_id=pair.loser_id,
        loser_name=loser["display_name"],
        journal={"loser": loser, **journal},
        merged_at=now,
    )


def _save(records: Sequence[MergeRecord]) -> None:
    """Insert these records and give them their ids."""
    names = ("owner_id", "contact_id", "survivor_id", "loser_id", "loser_name", "journal", "merged_at")
    rows = [{name: getattr(record, name) for name in names} for record in records]
    with connection.cursor() as cursor:
        cursor.execute(SAVE, {"rows": json.dumps(rows, default=str)})
        ids = dict(cursor.fetchall())
    for record in records:
        record.pk = ids[record.loser_id]
        record._state.adding = False


def _take_back_fields(records: Sequence[MergeRecord], survivors: Mapping[UUID, Values]) -> None:
    """Set the survivors' fields back, newest merge first, where they still are what the merge wrote."""
    edits = HandEdit.objects.filter(contact_id__in=list(survivors), row_id=0)
    edited = {(edit.contact_id, edit.field): edit.edited_at for edit in edits}
    for record in records:
        survivor, fields = survivors[record.survivor_id], record.journal["fields"]
        # A field that was written since, be it with the same words, is the survivor's own, and so is its lock.
        kept = {
            field
            for field, column in CHOSEN.items()
            if edited.get((record.survivor_id, field), record.merged_at) > record.merged_at
            or (column in fields and survivor[column] != fields[column]["new"])
        }
        columns = {CHOSEN[field] for field in kept}
        for name, values in fields.items():
            if name == "locked_fields":
                added = set(values["new"]) - set(values["old"]) - kept
                survivor[name] = [field for field in survivor[name] if field not in added]
            elif name not in columns and survivor[name] == values["new"]:
                survivor[name] = values["old"]


def _forget_lost_organizations(rows: Sequence[Values], *, owner_id: int) -> None:
    wanted = {row["organization_id"] for row in rows}
    known = set(Organization.objects.filter(owner_id=owner_id, pk__in=wanted - {None}).values_list("pk", flat=True))
    for row in rows:
        row["organization_id"] = row["organization_id"] if row["organization_id"] in known else None


def _note(verb: audit.Verb, records: Sequence[MergeRecord]) -> None:
    audit.record_all(
        [
            audit.event(
                verb,
                Contact,
                owner_id=record.owner_id,
                object_id=record.survivor_id,
                fields=record.journal["fields"].keys(),
            )
            for record in records
        ]
    )


def _execute(statement: str, *, ids: list[Any] | None = None, rows: list[Values] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"ids": ids, "rows": json.dumps(rows)})
