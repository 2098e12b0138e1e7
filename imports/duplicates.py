"""Find entries of one file that are the same person, and let the later ones join the first.

Three passes, the strongest key first: identity, e-mail, phone. After each pass the first rows take over the values of
those that joined them, so that the next pass sees all their keys and names.

Entries of two identities are one person all the same when they share an address or a number and their names agree, as
books have them that were filled from two places; with two names they stay two.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from django.db import connection

from config.jobs.leases import fenced
from contacts.matching import NameWords, name_words, names_agree
from imports.entries import Parsed
from imports.merging import unite
from imports.models import ImportJob, ImportRow
from imports.reasons import Reason
from imports.streaming import paged, stream

TABLE = ImportRow._meta.db_table
PAGE = 2_000
NAMES_TO_COMPARE = 100
NAMELESS: NameWords = frozenset()

KEYS = {
    "identity": ("", "row.external_id"),
    "email": (", jsonb_to_recordset(row.parsed->'emails') as entry(normalized text)", "entry.normalized"),
    "phone": (", jsonb_to_recordset(row.parsed->'phones') as entry(e164 text)", "entry.e164"),
}

SHARED = """
    with keyed as (
        select distinct {key} as key, row.position
        from {table} row{source}
        where row.job_id = %(job)s and row.decision = 'create' and {key} <> ''
    ), counted as (
        select key, position, count(*) over (partition by key) as holders from keyed
    )
    select counted.key, row.position, row.parsed->>'display_name', row.parsed->>'given_name',
           row.parsed->>'family_name', row.parsed->'phones'->0->>'raw'
    from counted join {table} row on row.job_id = %(job)s and row.position = counted.position
    where holders > 1
    order by 1, 2
"""

JOIN = f"""
    update {TABLE} row
    set decision = '{ImportRow.Decision.SKIP}', reason = '{Reason.DUPLICATE_IN_FILE}', joined_to = joined.first
    from unnest(%s::integer[], %s::integer[]) as joined(position, first)
    where row.job_id = %s and row.position = joined.position and row.joined_to is null
"""

# A row that was joined may have become the first of others in the same pass: point these to the first of all.
FOLLOW = f"""
    update {TABLE} row set joined_to = first.joined_to
    from {TABLE} first
    where row.job_id = %s and row.joined_to is not null
      and first.job_id = row.job_id and first.position = row.joined_to and first.joined_to is not null
"""

GROUPS = f"""
    select coalesce(row.joined_to, row.position) as first, row.position, row.parsed, row.photo, row.external_id,
           row.etag
    from {TABLE} row
    where row.job_id = %(job)s and (row.joined_to is not null or row.position in (
        select joined_to from {TABLE} where job_id = %(job)s and joined_to is not null
    ))
    order by 1, 2
"""

TAKE_OVER = f"""
    update {TABLE} row
    set parsed = united.parsed, photo = united.photo, external_id = united.external_id, etag = united.etag
    from unnest(%s::integer[], %s::jsonb[], %s::text[], %s::text[], %s::text[])
         as united(position, parsed, photo, external_id, etag)
    where row.job_id = %s and row.position = united.position
"""


def join_duplicates(job: ImportJob, *, kind: str) -> None:
    """Make every row that shares a key of this kind with an earlier row, and whose name agrees, join that row."""
    source, key = KEYS[kind]
    query = SHARED.format(table=TABLE, key=key, source=source)
    with stream(query, {"job": job.pk}) as rows:
        for page in paged(_joins(rows, needs_agreement=kind != "identity"), PAGE):
            with fenced(job), connection.cursor() as cursor:
                cursor.execute(JOIN, [[later for later, _ in page], [first for _, first in page], job.pk])
    with fenced(job), connection.cursor() as cursor:
        cursor.execute(FOLLOW, [job.pk])
        while cursor.rowcount:
            cursor.execute(FOLLOW, [job.pk])


def take_over_values(job: ImportJob) -> None:
    """Give each first row the values of the rows that joined it."""
    with stream(GROUPS, {"job": job.pk}) as rows:
        for page in paged(_united(rows), PAGE):
            with fenced(job), connection.cursor() as cursor:
                cursor.execute(TAKE_OVER, [*map(list, zip(*page, strict=True)), job.pk])


def _joins(rows: Iterable[tuple[Any, ...]], *, needs_agreement: bool) -> Iterator[tuple[int, int]]:
    """Yield (later position, first position) from rows of (key, position, names) sorted by key and position."""
    learned: dict[int, NameWords] = {}
    for _, holders in groupby(rows, key=lambda row: row[0]):
        people: dict[NameWords, int] = {}
        for _, position, *names in holders:
            words = learned.get(position) or _words(*names)
            first = _same_person(people, words) if needs_agreement else next(iter(people.values()), None)
            if first is None:
                people[words] = position
                continue
            yield position, first
            if words and people.get(NAMELESS) == first:
                # A named row joined a nameless one, which has this name from now on.
                del people[NAMELESS]
                people[words], learned[first] = first, words
            elif not words:
                learned[position] = next(known for known, at in people.items() if at == first)


def _words(display_name: str, given_name: str | None, family_name: str | None, phone: str | None) -> NameWords:
    names = {"display_name": display_name, "given_name": given_name, "family_name": family_name}
    return name_words({**names, "phones": [{"raw": phone}] if phone else []})


def _same_person(people: Mapping[NameWords, int], words: NameWords) -> int | None:
    if words in people:
        return people[words]
    for known, (name, position) in enumerate(people.items()):
        if known == NAMES_TO_COMPARE:
            return None
        if names_agree(name, words):
            return position
    return None


def _united(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, str, str, str, str]]:
    for first, members in groupby(rows, key=lambda row: row[0]):
        united: Parsed | None = None
        photo = external_id = etag = ""
        for _, _, parsed, its_photo, its_id, its_etag in members:
            values = json.loads(parsed) if isinstance(parsed, str) else parsed
            united = values if united is None else unite(united, values)
            photo = photo or its_photo
            if not external_id:
                external_id, etag = its_id, its_etag
        yield first, json.dumps(united, ensure_ascii=False), photo, external_id, etag
