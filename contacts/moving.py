"""Move the rows of a relation from merged contacts to their survivors, and back: one statement for all of them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from django.db import connection, models

# A contact has one row with each of these at most; the survivor's own stays.
FLAGS = ("is_primary", "pinned")

Moved = dict[str, list[Any]]
"""What became of one loser's rows: `moved` ids, `demoted` ids that lost their flag, and whole `gone` rows."""


class Relation(Protocol):
    """What is read of a `contacts.registries.ContactRelation`."""

    @property
    def model(self) -> type[models.Model]: ...
    @property
    def field(self) -> str: ...
    @property
    def twin(self) -> str: ...
    @property
    def is_dropped(self) -> bool: ...


MOVE = """
    with pair as (
        select * from unnest(%(losers)s::uuid[], %(survivors)s::uuid[]) as pair(loser, survivor)
    ), held as materialized (
        select item.{pk} as pk, pair.loser, pair.survivor, {is_gone} as is_gone, {is_demoted} as is_demoted
        from {table} item join pair on item.{column} = pair.loser
    ), gone as (
        delete from {table} item using held where item.{pk} = held.pk and held.is_gone
        returning held.loser, to_jsonb(item) as content
    ), moved as (
        update {table} item set {column} = held.survivor{flag}
        from held where item.{pk} = held.pk and not held.is_gone
        returning held.loser, held.pk, held.is_demoted
    )
    select loser, 'gone', jsonb_agg(content) from gone group by loser
    union all select loser, 'moved', jsonb_agg(pk) from moved group by loser
    union all select loser, 'demoted', jsonb_agg(pk) from moved where is_demoted group by loser
"""

# A row that somebody has moved or deleted since is left as it is.
MOVE_BACK = """
    update {table} item set {column} = back.loser{flag}
    from unnest(%(pks)s::{pk_type}[], %(losers)s::uuid[], %(survivors)s::uuid[], %(demoted)s::boolean[])
         as back(pk, loser, survivor, is_demoted)
    where item.{pk} = back.pk and item.{column} = back.survivor
"""

PUT_BACK = """
    insert into {table}
    select item.* from jsonb_array_elements(%(rows)s::jsonb) content,
         lateral jsonb_populate_record(null::{table}, content) item
    where {targets_exist}
    on conflict do nothing
"""


def move(relation: Relation, pairs: Mapping[UUID, UUID]) -> dict[UUID, Moved]:
    """Move the rows of each loser to its survivor (loser -> survivor); return what `move_back` needs, by loser.

    No contact may be in two of the pairs.
    """
    with connection.cursor() as cursor:
        cursor.execute(_move_query(relation), {"losers": list(pairs), "survivors": list(pairs.values())})
        found = cursor.fetchall()
    moved: dict[UUID, Moved] = defaultdict(dict)
    for loser_id, what, rows in found:
        moved[loser_id][what] = json.loads(rows) if isinstance(rows, str) else rows
    return moved


def move_back(relation: Relation, merges: Sequence[tuple[UUID, UUID, Moved]]) -> None:
    """Undo `move` for these (loser, survivor, moved); the losers are there again."""
    ids = [
        (pk, loser_id, survivor_id, pk in set(moved.get("demoted", [])))
        for loser_id, survivor_id, moved in merges
        for pk in moved.get("moved", [])
    ]
    gone = [row for *_, moved in merges for row in moved.get("gone", [])]
    with connection.cursor() as cursor:
        if ids:
            names = ("pks", "losers", "survivors", "demoted")
            cursor.execute(_move_back_query(relation), dict(zip(names, map(list, zip(*ids, strict=True)), strict=True)))
        if gone:
            cursor.execute(_put_back_query(relation), {"rows": json.dumps(gone)})


def _move_query(relation: Relation) -> str:
    names = _names(relation)
    twins = "exists (select from {table} twin where twin.{column} = pair.survivor and ({condition}))"
    flag = _flag(relation.model)
    return MOVE.format(
        **names,
        is_gone="true" if relation.is_dropped else twins.format(**names, condition=relation.twin),
        is_demoted=f"item.{flag} and " + twins.format(**names, condition=f"twin.{flag}") if flag else "false",
        flag=f", {flag} = item.{flag} and not held.is_demoted" if flag else "",
    )


def _move_back_query(relation: Relation) -> str:
    flag = _flag(relation.model)
    return MOVE_BACK.format(
        **_names(relation),
        pk_type=_type(relation.model._meta.pk),
        flag=f", {flag} = item.{flag} or back.is_demoted" if flag else "",
    )


def _put_back_query(relation: Relation) -> str:
    """Return the insert of rows that went; one whose other target was deleted since stays away."""
    targets = [
        f"(item.{field.column} is null or exists (select from {other._meta.db_table} "
        f"where {other._meta.pk.column} = item.{field.column}))"
        for field in relation.model._meta.local_concrete_fields
        if isinstance(field, models.ForeignKey) and isinstance(other := field.related_model, type)
    ]
    return PUT_BACK.format(**_names(relation), targets_exist=" and ".join(targets) or "true")


def _names(relation: Relation) -> dict[str, str]:
    options = relation.model._meta
    column = str(options.get_field(relation.field).column)  # type: ignore[union-attr]
    return {"table": options.db_table, "pk": str(options.pk.column), "column": column}


def _flag(model: type[models.Model]) -> str:
    names = {field.name for field in model._meta.local_concrete_fields}
    return next((flag for flag in FLAGS if flag in names), "")


def _type(field: Any) -> str:
    return str(field.rel_db_type(connection))
