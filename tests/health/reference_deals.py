"""Deals of both profiles in plain Python; see tests/health/reference.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction

from tests.health.reference import (
    Event,
    Result,
    clamp,
    days,
    level,
    mean,
    ratings_of,
    sentiment_points,
    trend,
    weighted,
    with_answers,
    within,
)

DEAL_WEIGHTS = {"stage_velocity": 30, "sentiment": 25, "engagement": 20, "activity": 15, "response_time": 10}
CLASSIC_LIMITS = {"SQL": (7, 14, 30), "Opportunity": (14, 21, 45), "Verbal": (7, 14, 21)}


def classic_deal(stage: str, since: datetime, now: datetime) -> Result:
    in_stage = days(now - since)
    score = 50
    if stage in CLASSIC_LIMITS:
        passed = sum(in_stage > limit for limit in CLASSIC_LIMITS[stage])
        score = (100, 75, 50, 25)[passed]
    status = next(
        (name for name, low in (("healthy", 70), ("warning", 50), ("critical", 30)) if score >= low), "stalled"
    )
    return Result(
        score, status, {"healthy": "low", "warning": "medium", "critical": "high", "stalled": "critical"}[status]
    )


OTHER_LIMITS = (14, 21, 30)


def velocity(stage: str, in_stage: int) -> Fraction:
    optimal, warning, critical = CLASSIC_LIMITS.get(stage, OTHER_LIMITS)
    if in_stage <= optimal:
        return Fraction(100)
    if in_stage <= warning:
        return 100 - 40 * Fraction(in_stage - optimal, warning - optimal)
    if in_stage <= critical:
        return 60 - 40 * Fraction(in_stage - warning, critical - warning)
    return max(Fraction(0), 20 - Fraction(in_stage - critical, 5))


def signals_deal(stage: str, since: datetime, timelines: Sequence[Sequence[Event]], now: datetime) -> Result:
    unique: dict[tuple[str, str], Event] = {}
    for timeline in timelines:
        for event in with_answers(timeline, now):
            known = unique.setdefault((event.source, event.external_id), event)
            better = [time for time in (known.answer, event.answer) if time is not None]
            rating = known.rating if known.rating is not None else event.rating
            unique[event.source, event.external_id] = replace(known, answer=min(better, default=None), rating=rating)
    counted = [event for event in unique.values() if not event.automated]
    contacts = [event for event in counted if event.is_contact]
    meetings = [event for event in counted if event.kind == "meeting"]
    touches = contacts + meetings
    n, m = len(within(contacts, now, 30)), len(within(meetings, now, 30))
    met = days(now - max(e.at for e in meetings)) if meetings else None
    silent = days(now - max(e.at for e in touches)) if touches else None
    times = [event.answer for event in within(contacts, now, 30) if event.answer is not None]
    ratings = ratings_of(counted, now)
    in_stage = days(now - since)
    values = {"stage_velocity": velocity(stage, in_stage)}
    if ratings:
        values["sentiment"] = sentiment_points(ratings, up=10, down=-15)
    if timelines:
        values["engagement"] = deal_engagement(n, m, met)
        values["activity"] = deal_activity(n, silent)
    if times:
        values["response_time"] = answer_points(mean(times) / 3600)
    score, factors = weighted(values, DEAL_WEIGHTS)
    change = trend(ratings)
    found = {
        "stage": in_stage >= 14,
        "declining": change is not None and change < -Fraction(1, 10),
        "low": bool(ratings) and mean(ratings) < -Fraction(3, 10),
        "met": met is not None and met > 21,
        "no_meeting": bool(timelines) and m == 0,
        "silent": silent is None or silent > 14,
        "few": bool(timelines) and n < 2,
        "slow": bool(times) and mean(times or [Fraction(0)]) > 48 * 3600,
    }
    risks = {name for name, holds in found.items() if holds}
    bands = (("healthy", 75), ("warning", 50), ("critical", 25))
    status = next((name for name, low in bands if score >= low), "stalled")
    return Result(score, status, level(len(risks), score, (25, 40, 60)), factors, risks)


def deal_engagement(n: int, m: int, met: int | None) -> Fraction:
    points = 50 + next((p for low, p in ((4, 40), (2, 30), (1, 15)) if m >= low), 0)
    points += next((p for low, p in ((8, 30), (4, 20), (2, 10)) if n >= low), 0)
    if met is not None:
        points += next((p for high, p in ((7, 30), (14, 15), (30, 0)) if met <= high), -30)
    return clamp(points)


def deal_activity(n: int, silent: int | None) -> Fraction:
    points = 50 + next((p for low, p in ((10, 50), (5, 35), (2, 20), (1, 10)) if n >= low), -30)
    if silent is None:
        return clamp(points - 40)
    return clamp(points + next((p for high, p in ((3, 20), (7, 10), (14, 0)) if silent <= high), -40))


def answer_points(hours: Fraction) -> Fraction:
    for limit, points in ((4, 100), (24, 80), (48, 50)):
        if hours <= limit:
            return Fraction(points)
    return max(Fraction(0), 30 - hours / 10)
