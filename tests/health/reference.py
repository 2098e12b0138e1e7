"""Both profiles again, in plain Python with exact fractions, one contact or deal at a time: what the SQL must equal."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from statistics import median

DAY = timedelta(days=1)
CONTACT_KINDS = ("email", "call", "chat")
RELATIONSHIP_WEIGHTS = {
    "communication_frequency": 25,
    "response_behaviour": 30,
    "engagement": 20,
    "sentiment": 15,
    "meeting_pattern": 10,
}


@dataclass(frozen=True, kw_only=True)
class Event:
    """A row of the timeline of one contact."""

    kind: str
    at: datetime
    direction: str = "mutual"
    automated: bool = False
    thread: str = ""
    rating: Decimal | None = None
    source: str = "test"
    external_id: str = ""
    recorded_at: datetime | None = None
    answer: Fraction | None = None  # seconds, where this event answers
    is_answered: bool = False

    @property
    def is_contact(self) -> bool:
        return self.kind in CONTACT_KINDS

    @property
    def is_touch(self) -> bool:
        return self.is_contact or self.kind == "meeting"


@dataclass
class Result:
    score: int | None
    status: str
    risk_level: str
    factors: dict[str, int] = field(default_factory=dict)
    risks: set[str] = field(default_factory=set)
    signals: dict[str, str] = field(default_factory=dict)
    ghost_probability: int = 0


def days(span: timedelta) -> int:
    """Whole days of 24 hours, never below 0."""
    return max(0, span // DAY)


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


def clamp(value: Fraction | int) -> Fraction:
    return Fraction(max(0, min(100, value)))


def within(events: Iterable[Event], now: datetime, span_days: int) -> list[Event]:
    return [event for event in events if now - span_days * DAY <= event.at <= now]


def before_window(events: Iterable[Event], now: datetime) -> list[Event]:
    return [event for event in events if now - 90 * DAY <= event.at < now - 30 * DAY]


# --- classic ----------------------------------------------------------------------------------------------------------


def classic_contact(events: Sequence[Event], now: datetime) -> Result:
    known = [event for event in events if event.at <= now]
    n = sum(event.is_contact for event in within(known, now, 30))
    m = sum(event.kind == "meeting" for event in within(known, now, 30))
    contacts = [event.at for event in known if event.is_contact]
    score = min(100, 10 * n + 20 * m)
    if contacts and (d := days(now - max(contacts))) > 14:
        score -= 2 * (d - 14)
    score = max(0, score)
    status = next((name for name, low in (("healthy", 70), ("at_risk", 50), ("critical", 30)) if score >= low), "ghost")
    risk = {"healthy": "low", "at_risk": "medium", "critical": "high", "ghost": "critical"}[status]
    return Result(score, status, risk, ghost_probability=75 if score < 30 else 40 if score < 50 else 10)


# --- answers ----------------------------------------------------------------------------------------------------------


def with_answers(events: Sequence[Event], now: datetime) -> list[Event]:
    """Return the known events, each with whether it was answered or whom it answers."""
    known = [event for event in events if event.at <= now]
    threads: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, event in enumerate(known):
        if event.is_contact and not event.automated and event.direction != "mutual":
            threads[event.thread, "" if event.thread else event.kind].append(index)
    for (thread, _), indexes in threads.items():
        is_open: list[int] = []
        # At one instant theirs is taken first: it cannot answer what is not earlier.
        for index in sorted(indexes, key=lambda i: (known[i].at, known[i].direction == "outbound")):
            event = known[index]
            if event.direction == "outbound":
                is_open.append(index)
                continue
            asked = [i for i in is_open if thread or event.at - known[i].at <= 7 * DAY]
            for i in asked:
                known[i] = replace(known[i], is_answered=True)
            if asked:
                span = event.at - max(known[i].at for i in asked)
                known[index] = replace(event, answer=Fraction(span // timedelta(microseconds=1), 1_000_000))
            is_open = [i for i in is_open if i not in asked]
    return known


# --- signals: contacts ------------------------------------------------------------------------------------------------


def against(count: int, base: int, limits: Sequence[tuple[int, int]]) -> int:
    if base >= 3:
        expected = max(1, floor(30 / Fraction(60, base)))
        ratio = Fraction(count, expected)
        return next((points for low, points in ((1, 100), (0.75, 75), (0.5, 50), (0.25, 25)) if ratio >= low), 0)
    return next((points for low, points in limits if count >= low), 0)


def mean(values: Sequence[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)


def ratings_of(events: Sequence[Event], now: datetime) -> list[Fraction]:
    rated = [
        event
        for event in within(events, now, 90)
        if event.rating is not None and not event.automated and event.kind in ("meeting", "call", "note")
    ]
    return [
        Fraction(event.rating)
        for event in sorted(rated, key=lambda e: e.at, reverse=True)[:3]
        if event.rating is not None
    ]


def sentiment_points(ratings: Sequence[Fraction], *, up: int, down: int) -> Fraction:
    change = trend(ratings)
    bonus = 0 if change is None else up if change > Fraction(1, 10) else down if change < -Fraction(1, 10) else 0
    return clamp((mean(ratings) + 1) / 2 * 100 + bonus)


def trend(ratings: Sequence[Fraction]) -> Fraction | None:
    return ratings[0] - (ratings[1] + ratings[2]) / 2 if len(ratings) == 3 else None


def weighted(values: dict[str, Fraction], weights: dict[str, int]) -> tuple[int, dict[str, int]]:
    factors = {name: half_up(value) for name, value in values.items()}
    total = sum(weights[name] for name in factors)
    if total == 0:
        return half_up(mean([Fraction(value) for value in factors.values()])), factors
    return half_up(Fraction(sum(weights[name] * value for name, value in factors.items()), total)), factors


def response(ours: list[Event], answers: list[Event], base: list[Event], now: datetime) -> Fraction:
    points = 50
    answered = sum(event.is_answered for event in ours)
    unanswered = sum(not event.is_answered and now - event.at > timedelta(hours=48) for event in ours)
    if answered + unanswered:
        share = Fraction(answered, answered + unanswered)
        points += next((p for low, p in ((80, 50), (60, 35), (40, 20), (20, 10)) if share * 100 >= low), 0)
    if answers:
        time = mean([event.answer for event in answers if event.answer is not None])
        if len(base) >= 3:
            ratio = time / mean([event.answer for event in base if event.answer is not None])
            points += next((p for high, p in ((1, 50), (1.5, 30), (2, 10), (3, -20)) if ratio <= high), -40)
        else:
            points += next((p for hours, p in ((4, 50), (24, 30), (48, 10)) if time <= hours * 3600), -20)
    return clamp(points)


def gaps_of(events: Sequence[Event], now: datetime) -> list[int]:
    met = {days(now - e.at) for e in within(events, now, 365) if e.is_contact and not e.automated}
    ordered = sorted(met)
    return [b - a for a, b in itertools.pairwise(ordered)]


def rhythm_of(gaps: list[int], owner_gap: Fraction | None, wished: int | None) -> Fraction | None:
    if wished:
        return Fraction(wished)
    if not gaps:
        return owner_gap
    own = Fraction(median(gaps))
    return (len(gaps) * own + 3 * (own if owner_gap is None else owner_gap)) / (len(gaps) + 3)


def signals_contact(
    events: Sequence[Event],
    now: datetime,
    *,
    owner_gap: Fraction | None = None,
    wished: int | None = None,
    deal_values: tuple[Fraction, Fraction] | None = None,
    weights: dict[str, int] = RELATIONSHIP_WEIGHTS,
) -> Result:
    counted = [event for event in with_answers(events, now) if not event.automated]
    contacts = [event for event in counted if event.is_contact]
    meetings = [event for event in counted if event.kind == "meeting"]
    ours = [event for event in contacts if event.direction == "outbound"]
    answers = [event for event in contacts if event.answer is not None]
    ratings = ratings_of(counted, now)
    d = days(now - max(event.at for event in contacts)) if contacts else None
    meeting_days = days(now - max(event.at for event in meetings)) if meetings else None
    recent_answers, base_answers = within(answers, now, 30), before_window(answers, now)
    result = Result(None, "unstarted", "")
    if contacts or meetings:
        values = {
            "communication_frequency": Fraction(
                against(
                    len(within(contacts, now, 30)),
                    len(before_window(contacts, now)),
                    ((8, 100), (4, 75), (2, 50), (1, 25)),
                )
            )
        }
        if recent_answers or any(now - event.at > timedelta(hours=48) for event in within(ours, now, 30)):
            values["response_behaviour"] = response(within(ours, now, 30), recent_answers, base_answers, now)
        if within(meetings, now, 365) and meeting_days is not None:
            count = len(within(meetings, now, 30))
            points = next((p for low, p in ((4, 40), (2, 25), (1, 10)) if count >= low), 0)
            age = next((p for high, p in ((7, 30), (14, 15), (21, 5), (45, 0)) if meeting_days <= high), -30)
            values["engagement"] = clamp(50 + points + age)
            values["meeting_pattern"] = Fraction(
                against(count, len(before_window(meetings, now)), ((4, 100), (2, 75), (1, 50)))
            )
        if ratings:
            values["sentiment"] = sentiment_points(ratings, up=15, down=-20)
        result.score, result.factors = weighted(values, weights)
        result.risks = contact_risks(
            contacts, ours, recent_answers, base_answers, ratings, d, meeting_days, deal_values, now
        )
        result.status = contact_status(result)
        result.risk_level = level(len(result.risks), result.score, (30, 45, 60))
    rhythm = rhythm_of(gaps_of(counted, now), owner_gap, wished)
    result.signals = ghost_signals(counted, answers, ours, ratings, d, now, rhythm)
    if severity := rescheduled([event for event in events if not event.automated], now):
        result.signals["meeting_rescheduled_repeatedly"] = severity
    base = 0 if result.score is None else 40 if result.score < 30 else 20 if result.score < 50 else 0
    points = sum({"critical": 25, "high": 15, "medium": 5}[severity] for severity in result.signals.values())
    result.ghost_probability = min(100, base + points)
    return result


def contact_status(result: Result) -> str:
    assert result.score is not None
    if result.risks & {"waiting_for_answer", "answers_far_slower"}:
        return "ghost"
    return "healthy" if result.score >= 70 else "at_risk" if result.score >= 50 else "critical"


def level(risks: int, score: int, limits: tuple[int, int, int]) -> str:
    for needed, low, name in zip((4, 3, 2), limits, ("critical", "high", "medium"), strict=True):
        if risks >= needed or score < low:
            return name
    return "low"


def waiting_since(contacts: list[Event], ours: list[Event]) -> datetime | None:
    theirs = [event.at for event in contacts if event.direction != "outbound"]
    later = [event.at for event in ours if not theirs or event.at > max(theirs)]
    return min(later) if later else None


def contact_risks(
    contacts: list[Event],
    ours: list[Event],
    recent_answers: list[Event],
    base_answers: list[Event],
    ratings: list[Fraction],
    d: int | None,
    meeting_days: int | None,
    deal_values: tuple[Fraction, Fraction] | None,
    now: datetime,
) -> set[str]:
    asked = within(ours, now, 30)
    answered = sum(event.is_answered for event in asked)
    unanswered = sum(not event.is_answered and now - event.at > timedelta(hours=48) for event in asked)
    since = waiting_since(contacts, ours)
    change = trend(ratings)
    slower = None
    if recent_answers and len(base_answers) >= 3:
        slower = mean([e.answer for e in recent_answers if e.answer]) / mean(
            [e.answer for e in base_answers if e.answer]
        )
    found = {
        "no_contact": d is not None and d > 21,
        "few_events": len(within(contacts, now, 30)) < 2,
        "few_answers": bool(answered + unanswered) and Fraction(answered, answered + unanswered or 1) < Fraction(3, 10),
        "waiting_for_answer": since is not None and days(now - since) > 14,
        "answers_far_slower": slower is not None and slower > 3,
        "no_meeting": meeting_days is not None and meeting_days > 30,
        "sentiment_declining": change is not None and change < -Fraction(1, 10),
        "sentiment_low": bool(ratings) and mean(ratings) < -Fraction(1, 5),
        "value_at_risk": deal_values is not None and deal_values[1] * 2 > deal_values[0],
    }
    return {name for name, holds in found.items() if holds}


def ghost_signals(
    counted: list[Event],
    answers: list[Event],
    ours: list[Event],
    ratings: list[Fraction],
    d: int | None,
    now: datetime,
    rhythm: Fraction | None,
) -> dict[str, str]:
    found: dict[str, str] = {}
    ignored = [
        event
        for event in within(ours, now, 14)
        if event.kind == "email" and not event.is_answered and now - event.at > timedelta(hours=48)
    ]
    if len(ignored) >= 2:
        found["email_no_response"] = "critical" if len(ignored) >= 3 else "high"
    last = sorted(within(answers, now, 30), key=lambda event: event.at, reverse=True)[:5]
    quarter = within(answers, now, 90)
    if last and len(quarter) >= 3:
        times = mean([e.answer for e in last if e.answer]) / mean([e.answer for e in quarter if e.answer])
        if times >= 3:
            found["response_time_increased"] = "critical" if times >= 5 else "high"
    change = trend(ratings)
    if change is not None and -change > Fraction(15, 100):
        severe = "critical" if ratings[0] < -Fraction(3, 10) else "high" if -change > Fraction(1, 4) else "medium"
        found["sentiment_declining"] = severe
    dropped = dropout_days(counted, now)
    if dropped:
        found["thread_dropout"] = "high" if dropped >= 10 else "medium"
    if d is not None and rhythm is not None and d > 2 * rhythm:
        found["engagement_pattern_break"] = "critical" if d > 4 * rhythm else "high"
    return found


def rescheduled(counted: list[Event], now: datetime) -> str:
    """Look at planned meetings too: `counted` goes beyond now."""
    upsets = [e for e in within(counted, now, 30) if e.kind in ("meeting_moved", "meeting_cancelled")]
    cancelled = any(e.kind == "meeting_cancelled" for e in upsets)
    if not cancelled and len(upsets) < 2:
        return ""
    last = max(e.at for e in upsets)
    if any(e.kind == "meeting" and (e.recorded_at or e.at) > last for e in counted):
        return ""
    return "critical" if cancelled else "high"


def dropout_days(counted: list[Event], now: datetime) -> int:
    threads: dict[str, list[Event]] = defaultdict(list)
    for event in counted:
        if event.is_contact and event.thread and event.direction != "mutual":
            threads[event.thread].append(event)
    worst = 0
    for messages in threads.values():
        newest = max(messages, key=lambda event: (event.at, event.direction == "outbound"))
        if newest.direction == "outbound" and len(within(messages, now, 14)) >= 3 and now - newest.at >= 5 * DAY:
            worst = max(worst, days(now - newest.at))
    return worst
