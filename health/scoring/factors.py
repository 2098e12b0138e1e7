"""How factors become a score: the weighted mean of those that exist, each kept for a while when its facts are lost."""

from __future__ import annotations

from collections.abc import Sequence


def kept(name: str) -> str:
    """Return SQL for the last value of a factor of the old row that had no facts this time, null if it is too old.

    It must have been known in the 90 days before it was lost, and stays for 30 days.
    """
    entry = f"(old_factors -> '{name}')"
    known_at = f"coalesce(({entry} ->> 'known_at')::timestamptz, old_calculated_at)"
    return f"""case when old_factors ? '{name}' and old_profile = %(profile)s
            and {known_at} >= {lost_at(name)} - interval '90 days' and {lost_at(name)} >= %(now)s - interval '30 days'
        then ({entry} ->> 'value')::integer end"""


def lost_at(name: str) -> str:
    return f"coalesce((old_factors -> '{name}' ->> 'lost_at')::timestamptz, %(now)s)"


def values(names: Sequence[str], *, guard: str = "true") -> str:
    """Return the columns `v_<factor>`: this time's value `f_<factor>`, rounded, or, under the guard, the kept one."""
    columns = [
        f"case when f_{name} is not null then round(f_{name})::integer when {guard} then {kept(name)} end as v_{name}"
        for name in names
    ]
    return ",\n        ".join(columns)


def weight_sum(names: Sequence[str]) -> str:
    return " + ".join(f"case when v_{name} is null then 0 else %(w_{name})s::numeric end" for name in names)


def score(names: Sequence[str]) -> str:
    """Return SQL for the score; where all weights that count are zero, the plain mean."""
    weighted = " + ".join(f"coalesce(v_{name}, 0) * %(w_{name})s::numeric" for name in names)
    plain = " + ".join(f"coalesce(v_{name}, 0)" for name in names)
    known = f"num_nonnulls({', '.join(f'v_{name}' for name in names)})"
    return f"""round(case when weights > 0 then ({weighted}) / weights
        else ({plain})::numeric / nullif({known}, 0) end)::integer"""


def as_json(names: Sequence[str]) -> str:
    """Return SQL for the stored factors; the shares in the score are rounded to a tenth of a point."""
    entries = [
        f"""'{name}', case when v_{name} is null then null
            when f_{name} is null then {_entry(name)} || jsonb_build_object('lost_at', {lost_at(name)}, 'known_at',
                coalesce((old_factors -> '{name}' ->> 'known_at')::timestamptz, old_calculated_at))
            else {_entry(name)} end"""
        for name in names
    ]
    return f"jsonb_strip_nulls(jsonb_build_object({', '.join(entries)}))"


def _entry(name: str) -> str:
    points = f"case when weights > 0 then round(v_{name} * %(w_{name})s::numeric / weights, 1) end"
    return f"jsonb_build_object('value', v_{name}, 'points', {points}, 'weight', %(w_{name})s::numeric)"


def steps(value: str, *limits: tuple[object, object], otherwise: object, operator: str = ">=") -> str:
    """Return a CASE that gives the second of the first pair whose first `value` reaches by `operator`."""
    branches = " ".join(f"when {value} {operator} {limit} then {result}" for limit, result in limits)
    return f"case {branches} else {otherwise} end"


def clamp(value: str) -> str:
    return f"least(100, greatest(0, {value}))"


def counted(number: str, one: str, many: str) -> str:
    """Return SQL for "1 day" or "3 days", null without a number; for the sentences that people read."""
    return f"({number} || case {number} when 1 then ' {one}' else ' {many}' end)"


def ago(days: str) -> str:
    """Return SQL for how long ago something was, from whole days."""
    return f"case {days} when 0 then 'less than a day ago' else {counted(days, 'day', 'days')} || ' ago' end"
