"""How fast duplicates are found, merged and taken apart again, among many contacts.

find_seconds           all contacts compared with all, the first time
find_changed_seconds   the usual run: 1,000 contacts have changed since
join_seconds           the rival of finding: one bare self-join of equal e-mail addresses
merges_per_second      certain pairs, 500 in a transaction, each with its journal
undos_per_second       the same merges undone, 500 in a transaction
bare_per_second        the rival of merging: rows of four tables moved and losers deleted by hand, without a journal
ratio                  merges_per_second / bare_per_second
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from bench.scratch import scratch_database

BATCH = 500
CHANGED = 1_000

# Every pair of neighbours has one address and name, as a book that was imported twice from two places.
FILL = """
    insert into auth_user (id, username, password, is_superuser, is_staff, is_active, first_name, last_name, email,
                           date_joined) values (1, 'bench', '!', false, true, true, '', '', '', now());
    insert into contacts_contact (id, owner_id, display_name, sort_name, title, updated_at)
    select lpad(to_hex(n), 32, '0')::uuid, 1, 'Person ' || key, 'person ' || key, 'Title ' || n,
           now() - interval '1 day'
    from (select n, case when n <= 2 * {pairs} then (n + 1) / 2 else n end as key
          from generate_series(1, {contacts}) n) numbered;
    insert into contacts_contactemail (owner_id, contact_id, address, normalized, is_primary)
    select 1, id, replace(sort_name, ' ', '') || '@example.com', replace(sort_name, ' ', '') || '@example.com', true
    from contacts_contact;
    insert into contacts_contactphone (owner_id, contact_id, raw, e164)
    select 1, id, '+1' || right(id::text, 10), '' from contacts_contact;
    insert into contacts_externalidentity (owner_id, contact_id, source, external_id)
    select 1, id, 'vcard', id::text from contacts_contact;
"""
JOIN = """
    select count(*) from contacts_contactemail one
    join contacts_contactemail other on other.owner_id = one.owner_id and other.normalized = one.normalized
         and other.contact_id > one.contact_id
"""
MOVE = "update {} item set contact_id = survivor from unnest(%(losers)s, %(survivors)s) as pair(loser, survivor) "
BARE = [
    "delete from contacts_contactemail where contact_id = any(%(losers)s)",
    MOVE.format("contacts_contactphone") + "where item.contact_id = loser",
    MOVE.format("contacts_externalidentity") + "where item.contact_id = loser",
    "delete from contacts_contact where id = any(%(losers)s)",
]


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--contacts", type=int, default=100_000, help="how many there are")
    parser.add_argument("--pairs", type=int, default=5_000, help="how many of them are there twice")


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Return the figures named at the top of this file."""
    with scratch_database():
        with connection.cursor() as cursor:
            cursor.execute(FILL.format(contacts=options["contacts"], pairs=options["pairs"]))
            cursor.execute("vacuum analyze")
        figures = {**_find(), **_merge(options["pairs"])}
    return {**figures, "contacts": options["contacts"], "pairs": options["pairs"]}


def _find() -> dict[str, float]:
    from contacts.duplicates import find_duplicates
    from contacts.models import Contact

    first = _timed(lambda: find_duplicates(1, now=timezone.now()))
    changed = Contact.objects.order_by("-pk").values("pk")[:CHANGED]
    Contact.objects.filter(pk__in=changed).update(updated_at=timezone.now())
    again = _timed(lambda: find_duplicates(1, now=timezone.now()))
    return {
        "find_seconds": round(first, 3),
        "find_changed_seconds": round(again, 3),
        "join_seconds": round(_timed(lambda: _execute(JOIN)), 3),
    }


def _merge(pairs: int) -> dict[str, float]:
    from contacts.duplicates import merge_certain
    from contacts.merging import unmerge
    from contacts.models import DuplicateSuggestion, MergeRecord

    ids = list(DuplicateSuggestion.objects.order_by("pk").values_list("pk", flat=True))
    couples = list(DuplicateSuggestion.objects.order_by("pk").values_list("first_id", "second_id"))
    merging = _timed(lambda: merge_certain(ids, owner_id=1, now=timezone.now()))
    records = list(MergeRecord.objects.defer("journal"))
    if len(records) != pairs:
        raise AssertionError(f"{len(records)} of {pairs} pairs were merged")
    batches = [records[start : start + BATCH] for start in range(0, pairs, BATCH)]
    undoing = _timed(lambda: [unmerge(batch, owner_id=1, now=timezone.now()) for batch in batches])
    _execute("delete from contacts_duplicatesuggestion")
    _execute("delete from contacts_mergerecord")
    bare = _timed(lambda: _merge_bare(couples))
    return {
        "merges_per_second": round(pairs / merging),
        "undos_per_second": round(pairs / undoing),
        "bare_per_second": round(pairs / bare),
        "ratio": round(bare / merging, 3),
    }


def _merge_bare(couples: list[Any]) -> None:
    for start in range(0, len(couples), BATCH):
        survivors, losers = zip(*couples[start : start + BATCH], strict=True)
        with transaction.atomic():
            for statement in BARE:
                _execute(statement, {"losers": list(losers), "survivors": list(survivors)})


def _execute(statement: str, parameters: dict[str, Any] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def _timed(work: Callable[[], object]) -> float:
    started_at = time.perf_counter()
    work()
    return time.perf_counter() - started_at
