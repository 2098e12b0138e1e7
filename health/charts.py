"""Lines over time as the points of an SVG, drawn on the server; snapshots are days on which a score changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

from health.models import HealthSnapshot

SPARK_DAYS = 90
HISTORY_DAYS = 400
# Labels under a line; every other one is left out on a phone.
TICKS = 5
Point = tuple[date, int | None]


@dataclass(frozen=True)
class Line:
    """The lines of one score, each the `points` of a polyline; where there was no score the line is broken.

    `ticks` are days at even distances, the first and the last at the ends of the line.
    """

    width: int
    height: int
    lines: list[str]
    last: tuple[float, float] | None
    label: str
    ticks: list[str]


def draw(history: Sequence[Point], *, today: date, days: int, width: int, height: int, margin: int = 2) -> Line | None:
    """Draw a score of 0 to 100 over the last `days`; a score stays until the next snapshot. None without any."""
    first = today - timedelta(days=days)
    known = _carried(history, first=first, today=today)
    if not any(score is not None for _, score in known):
        return None
    across, down = (width - 2 * margin) / days, (height - 2 * margin) / 100

    def place(day: date, score: int) -> tuple[float, float]:
        return round(margin + (day - first).days * across, 1), round(height - margin - score * down, 1)

    runs = [list(run) for is_known, run in groupby(known, key=lambda point: point[1] is not None) if is_known]
    placed = [[place(day, score) for day, score in run if score is not None] for run in runs]
    return Line(
        width=width,
        height=height,
        lines=[" ".join(f"{x},{y}" for x, y in _stepped(run)) for run in placed],
        last=placed[-1][-1] if known[-1][1] is not None else None,
        label=_label(known),
        ticks=[_tick(first + timedelta(days=round(days * at / (TICKS - 1))), days=days) for at in range(TICKS)],
    )


def _carried(history: Sequence[Point], *, first: date, today: date) -> list[Point]:
    """Return the points from `first` to `today`, beginning with the score that held then and ending with today's."""
    before = [score for day, score in history if day < first]
    points = [(day, score) for day, score in history if first <= day <= today]
    if before:
        points.insert(0, (first, before[-1]))
    if points and points[-1][0] < today:
        points.append((today, points[-1][1]))
    return points


def _stepped(run: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Hold each score until the next one instead of sloping towards it; one point alone becomes a short stroke."""
    stepped = run[:1]
    for (_, before), (x, y) in pairwise(run):
        stepped += [(x, before), (x, y)]
    return stepped if len(stepped) > 1 else [(run[0][0] - 2, run[0][1]), run[0]]


def _label(known: list[Point]) -> str:
    (first_day, first), (_, last) = known[0], known[-1]
    start = "no score" if first is None else str(first)
    return f"{start} on {first_day.day} {first_day:%B %Y}, {'no score' if last is None else last} now"


def _tick(day: date, *, days: int) -> str:
    """Return the day as short as the span allows."""
    return f"{day:%b %Y}" if days > 300 else f"{day.day} {day:%b}"


def histories(subject: str, ids: Sequence[Any], *, since: date) -> dict[Any, list[Point]]:
    """Return the snapshots of many contacts, deals or organizations (`subject`) since a day, by id, oldest first."""
    rows = HealthSnapshot.objects.filter(**{f"{subject}__in": ids}, day__gte=since).order_by(f"{subject}_id", "day")
    found = rows.values_list(f"{subject}_id", "day", "score")
    return {key: [(day, score) for _, day, score in group] for key, group in groupby(found, key=itemgetter(0))}
