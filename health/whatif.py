"""What other weights, bands and day limits would do, worked out from the stored factors without writing anything.

Weights and bands change nothing about what was counted, so the stored value of each factor is all it takes; the limits
of stages change one factor, which is computed again from the stored days.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from psycopg.types.json import Jsonb

from health import profiles
from health.models import DealHealth, HealthProfile, RelationshipHealth
from health.scoring import classic, deals, signals
from health.scoring.factors import score, weight_sum

EXAMPLES = 10

Limits = Mapping[int | None, tuple[int, int, int] | None]

STORED = """
    select health.{subject}_id as id, owner_id, status as old_status, score as old_score, risk_factors::text[],
        status <> 'unstarted' as is_started, (facts ->> 'days_in_stage')::integer as days_in_stage, {values}
    from {table} health
    where profile = %(profile)s and {subject}_id is not null and (%(is_all)s or owner_id = %(owner)s)
"""

# As in `health.scoring.deals`, but with the limits that are tried out.
WITH_LIMITS = """
    select stored.*, optimal, warning, critical
    from ({stored}) stored join contacts_deal deal using (id)
    left join lateral (
        select * from jsonb_to_recordset(%(limits)s) as row(stage_id bigint, optimal int, warning int, critical int)
        where row.stage_id = deal.stage_id or row.stage_id is null order by row.stage_id nulls last limit 1
    ) limits on true
"""

TRIED = """
    with rated as (
        select stored.*, tried.score, banded.status
        from ({stored}) stored
        {steps}
        cross join lateral (select {score} as score offset 0) tried
        cross join lateral (select {status} as status offset 0) banded
    )
"""

COUNTS = "select old_status, status, count(*) from rated group by old_status, status"

MOVED = f"""
    select rated.id, {{name}}, old_status, old_score, rated.status, rated.score
    from rated join {{named}} subject on subject.id = rated.id
    where old_status <> rated.status
    order by abs(rated.score - old_score) desc, rated.id
    limit {EXAMPLES}
"""


@dataclass(frozen=True)
class Proposal:
    """Weights and lowest scores of bands as in HealthProfile; limits by stage id, None for all other stages."""

    weights: dict[str, dict[str, float]]
    thresholds: dict[str, dict[str, int]]
    limits: Limits


@dataclass(frozen=True)
class Example:
    """One contact or deal that would change its band."""

    kind: str
    id: Any
    name: str
    old_status: str
    old_score: int
    status: str
    score: int

    @property
    def old_label(self) -> str:
        return _labels(self.kind)[self.old_status]

    @property
    def label(self) -> str:
        return _labels(self.kind)[self.status]


@dataclass(frozen=True)
class Outcome:
    """How many rows are in each band now and would be then, how many move, and ten of those that move farthest.

    `moves` is (band, its label, band then, its label, how many), the largest first.
    """

    kind: str
    bands: list[tuple[str, str, int, int]]
    moves: list[tuple[str, str, str, str, int]]
    moved: int
    total: int
    examples: list[Example] = field(default_factory=list)


def try_out(profile: HealthProfile, proposal: Proposal, *, user: User) -> list[Outcome]:
    """Return what the proposal would do to the relationships and deals that `user` may see and this profile scored."""
    tried = copy(profile)
    tried.weights, tried.thresholds = proposal.weights, proposal.thresholds
    return [_outcome(tried, kind, proposal.limits, user) for kind in ("relationship", "deal")]


def _outcome(profile: HealthProfile, kind: str, limits: Limits, user: User) -> Outcome:
    rows = [dict(zip(LIMIT_NAMES, (stage, *days), strict=True)) for stage, days in limits.items() if days]
    known = {
        **profiles.parameters(profile, kind),
        "is_all": user.is_superuser,
        "owner": user.pk,
        "limits": Jsonb(rows),
    }
    tried = _tried(profile.name, kind)
    name, named = ("display_name", "contacts_contact") if kind == "relationship" else ("name", "contacts_deal")
    with connection.cursor() as cursor:
        cursor.execute(f"{tried} {COUNTS}", known)
        counts = cursor.fetchall()
        cursor.execute(f"{tried} {MOVED.format(name=name, named=named)}", known)
        examples = [Example(kind, *row) for row in cursor.fetchall()]
    return Outcome(
        kind=kind,
        bands=_bands(kind, counts),
        moves=_moves(kind, counts),
        moved=sum(count for before, after, count in counts if before != after),
        total=sum(count for _, _, count in counts),
        examples=examples,
    )


LIMIT_NAMES = ("stage_id", "optimal", "warning", "critical")


def _bands(kind: str, counts: list[tuple[str, str, int]]) -> list[tuple[str, str, int, int]]:
    found = [
        (
            value,
            label,
            sum(count for before, _, count in counts if before == value),
            sum(count for _, after, count in counts if after == value),
        )
        for value, label in _labels(kind).items()
    ]
    return [band for band in found if band[2] or band[3]]


def _moves(kind: str, counts: list[tuple[str, str, int]]) -> list[tuple[str, str, str, str, int]]:
    labels = _labels(kind)
    found = [(old, labels[old], new, labels[new], count) for old, new, count in counts if old != new]
    return sorted(found, key=lambda move: (-move[-1], move))


def _labels(kind: str) -> dict[str, str]:
    model = RelationshipHealth if kind == "relationship" else DealHealth
    return {str(value): str(label) for value, label in model.Status.choices}


def _tried(name: str, kind: str) -> str:
    """Return the common table expression `rated` for a profile's contacts or deals."""
    is_classic, is_deal = name == "classic", kind == "deal"
    factors = deals.FACTORS if is_deal else signals.FACTORS
    values = ", ".join(f"(factors -> '{factor}' ->> 'value')::integer as v_{factor}" for factor in factors)
    table = DealHealth if is_deal else RelationshipHealth
    stored = STORED.format(subject="deal" if is_deal else "contact", table=table._meta.db_table, values=values)
    status = deals.STATUS if is_deal else classic.STATUS if is_classic else signals.STATUS
    if is_deal:
        stored = _with_velocity(stored, is_classic=is_classic)
    if is_classic:
        return TRIED.format(
            stored=stored, steps="", score="v_stage_velocity" if is_deal else "old_score", status=status
        )
    weights = f"cross join lateral (select {weight_sum(factors)} as weights offset 0) weighed"
    return TRIED.format(stored=stored, steps=weights, score=score(factors), status=status)


def _with_velocity(stored: str, *, is_classic: bool) -> str:
    velocity = deals.CLASSIC_VELOCITY if is_classic else f"round(({deals.VELOCITY})::numeric)"
    others = ", ".join(f"v_{factor}" for factor in deals.FACTORS if factor != "stage_velocity")
    return f"""
        select id, owner_id, old_status, old_score, risk_factors, is_started, {others},
            ({velocity})::integer as v_stage_velocity
        from ({WITH_LIMITS.format(stored=stored)}) limited
    """
