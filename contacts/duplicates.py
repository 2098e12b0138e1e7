"""Find contacts that may be the same person, and merge those that certainly are.

Each rule groups by a key that has an index, and pairs each contact of a group with the one before it, so the work
grows with the number of rows, never with their square. Keys that many share, as a company's address, say nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import QuerySet

from contacts.merging import Pair, forget_merges, merge_pairs
from contacts.models import (
    Contact,
    ContactEmail,
    ContactPhone,
    ContactPicture,
    DuplicateScan,
    DuplicateSuggestion,
    MergeRecord,
)
from contacts.models.duplicate import CERTAIN
from media_store.models import PhotoJob

State, Reason = DuplicateSuggestion.State, DuplicateSuggestion.Reason

# A contact written by a transaction that was still open at the last scan has an older time than that scan.
OVERLAP = timedelta(minutes=5)
MERGED_AT_ONCE = 500
SUGGESTIONS = DuplicateSuggestion._meta.db_table
CONTACTS = Contact._meta.db_table
STRENGTHS = {Reason.EMAIL: 70, Reason.PHONE: 60, Reason.NAME: 60, Reason.PICTURE: 50}
SAME_NAME_BONUS = 20
LARGEST_GROUP = {Reason.EMAIL: 20, Reason.PHONE: 20, Reason.NAME: 10, Reason.PICTURE: 5}

# What has changed since the last scan, and whoever was suggested together with it.
CHANGED = f"""
    create temporary table changed_contact on commit drop as
    with changed as (
        select id from {CONTACTS} where owner_id = %(owner)s and updated_at > %(since)s
        union
        select picture.contact_id
        from {PhotoJob._meta.db_table} photo
        join {ContactPicture._meta.db_table} picture on picture.photo_job_id = photo.id
        where photo.owner_id = %(owner)s and photo.stored_at > %(since)s
    ), dropped as (
        delete from {SUGGESTIONS} known using changed
        where known.state = '{State.OPEN}' and changed.id in (known.first_id, known.second_id)
        returning known.first_id, known.second_id
    )
    select id from changed union select first_id from dropped union select second_id from dropped
"""

# Each gives (key, contact_id); `changed` limits it to keys of contacts that have changed.
KEYS = {
    Reason.EMAIL: f"select normalized as key, contact_id from {ContactEmail._meta.db_table} "
    "where owner_id = %(owner)s and normalized <> ''",
    Reason.PHONE: f"select distinct e164 as key, contact_id from {ContactPhone._meta.db_table} "
    "where owner_id = %(owner)s and e164 <> ''",
    Reason.NAME: f"select sort_name || ' @' || organization_id as key, id as contact_id from {CONTACTS} "
    "where owner_id = %(owner)s and organization_id is not null",
    Reason.PICTURE: f"select distinct photo.sha256 as key, picture.contact_id "
    f"from {ContactPicture._meta.db_table} picture "
    f"join {PhotoJob._meta.db_table} photo on photo.id = picture.photo_job_id "
    "where picture.owner_id = %(owner)s and photo.sha256 <> ''",
}

PAIRS = """
    select '{reason}' as reason, {strength} as strength, contact_id, other_id from (
        select contact_id, lag(contact_id) over (partition by key order by contact_id) as other_id,
               count(*) over (partition by key) as members
        from ({keys}) entry{limited}
    ) chain
    where other_id is not null and members <= {largest}
"""
LIMITED = " where key in (select key from ({keys}) entry where contact_id in (select id from changed_contact))"

FOUND = """
    insert into {suggestions} (owner_id, first_id, second_id, reasons, strength)
    select %(owner)s, other_id, contact_id, array_agg(distinct reason),
           max(case when one.sort_name <> other.sort_name then strength
                    when reason = '{email}' then {certain} else least(strength + {bonus}, {certain} - 1) end)
    from ({pairs}) pair
    join {contacts} one on one.id = contact_id and one.archived_at is null
    join {contacts} other on other.id = other_id and other.archived_at is null
    group by other_id, contact_id
    on conflict (first_id, second_id) do update
    set reasons = array(select distinct unnest({suggestions}.reasons || excluded.reasons) order by 1),
        strength = greatest({suggestions}.strength, excluded.strength)
    where {suggestions}.state = '{open}'
      and ({suggestions}.reasons, {suggestions}.strength) is distinct from (excluded.reasons, excluded.strength)
"""

# A suggestion may be older than what it says; only what is so at this moment is merged without a look.
STILL_CERTAIN = f"""
    select first_id, second_id from {SUGGESTIONS} known
    join {CONTACTS} one on one.id = first_id
    join {CONTACTS} other on other.id = second_id and other.sort_name = one.sort_name
    where known.owner_id = %(owner)s and known.id = any(%(ids)s) and known.state = '{State.OPEN}' and exists (
        select from {ContactEmail._meta.db_table} mine
        join {ContactEmail._meta.db_table} theirs using (normalized)
        where mine.contact_id = first_id and theirs.contact_id = second_id and normalized <> ''
    )
    order by first_id, second_id
"""


def find_duplicates(owner_id: int, *, now: datetime, is_full: bool = False) -> int:
    """Look for duplicates among one owner's contacts; return the number of open suggestions written or changed.

    Compares what has changed since the last scan with all contacts, or with `is_full` all with all.
    """
    with transaction.atomic():
        DuplicateScan.objects.get_or_create(owner_id=owner_id)
        scan = DuplicateScan.objects.select_for_update().get(owner_id=owner_id)
        since = None if is_full else scan.scanned_at
        with connection.cursor() as cursor:
            if since is None:
                cursor.execute(f"delete from {SUGGESTIONS} where owner_id = %s and state = '{State.OPEN}'", [owner_id])
            else:
                cursor.execute(CHANGED, {"owner": owner_id, "since": since - OVERLAP})
                cursor.execute("analyze changed_contact")
            cursor.execute(_find_query(is_limited=since is not None), {"owner": owner_id})
            found = int(cursor.rowcount)
            cursor.execute("drop table if exists changed_contact")
        DuplicateScan.objects.filter(pk=scan.pk).update(scanned_at=now)
    return found


def tidy(*, now: datetime) -> int:
    """Look for duplicates of every owner, and forget merges that can no longer be undone; return what was found."""
    owners = get_user_model().objects.filter(is_active=True).order_by("pk").values_list("pk", flat=True)
    found = sum(find_duplicates(owner_id, now=now) for owner_id in owners)
    forget_merges(now=now)
    return found


def dismiss(suggestions: QuerySet[DuplicateSuggestion]) -> int:
    """Say that these pairs are not the same; they are not suggested again."""
    return suggestions.filter(state=State.OPEN).update(state=State.DISMISSED)


def reopen(suggestions: QuerySet[DuplicateSuggestion]) -> int:
    return suggestions.filter(state=State.DISMISSED).update(state=State.OPEN)


def certain(suggestions: QuerySet[DuplicateSuggestion]) -> QuerySet[DuplicateSuggestion]:
    """Return those that may be merged without a look: same e-mail address and same name."""
    return suggestions.filter(state=State.OPEN, strength=CERTAIN)


def merge_certain(suggestion_ids: list[int], *, owner_id: int, now: datetime) -> list[MergeRecord]:
    """Merge those of these pairs that are certain still, the older contact stays; each 500 are one transaction.

    Of three that are the same, each with the one before it, two go into the first.
    """
    with connection.cursor() as cursor:
        cursor.execute(STILL_CERTAIN, {"owner": owner_id, "ids": suggestion_ids})
        waiting = [Pair(survivor_id=first, loser_id=second) for first, second in cursor.fetchall()]
    records: list[MergeRecord] = []
    gone: dict[UUID, UUID] = {}
    while waiting:
        batch, waiting = _next_batch(waiting, gone)
        merged = merge_pairs(batch, owner_id=owner_id, now=now)
        gone |= {record.loser_id: record.survivor_id for record in merged}
        records += merged
    return records


def _next_batch(waiting: list[Pair], gone: dict[UUID, UUID]) -> tuple[list[Pair], list[Pair]]:
    """Return pairs that share no contact, with survivors that are still there, and the pairs for later."""
    batch: list[Pair] = []
    later: list[Pair] = []
    taken: set[UUID] = set()
    for pair in waiting:
        survivor_id, loser_id = _survivor(pair.survivor_id, gone), _survivor(pair.loser_id, gone)
        if survivor_id == loser_id:
            continue
        if len(batch) == MERGED_AT_ONCE or taken & {survivor_id, loser_id}:
            later.append(pair)
            continue
        taken |= {survivor_id, loser_id}
        batch.append(Pair(survivor_id=survivor_id, loser_id=loser_id))
    return batch, later


def _survivor(contact_id: UUID, gone: dict[UUID, UUID]) -> UUID:
    while contact_id in gone:
        contact_id = gone[contact_id]
    return contact_id


def _find_query(*, is_limited: bool) -> str:
    pairs = " union all ".join(
        PAIRS.format(
            reason=reason,
            strength=STRENGTHS[reason],
            largest=LARGEST_GROUP[reason],
            keys=keys,
            limited=LIMITED.format(keys=keys) if is_limited else "",
        )
        for reason, keys in KEYS.items()
    )
    return FOUND.format(
        suggestions=SUGGESTIONS,
        contacts=CONTACTS,
        pairs=pairs,
        email=Reason.EMAIL,
        certain=CERTAIN,
        bonus=SAME_NAME_BONUS,
        open=State.OPEN,
    )
