"""The page of the numbers of photos, drawn by the server; and the two numbers above the list of photos."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone

from config.owned_admin import COUNTED_AT_MOST
from media_store.models import PhotoJob
from media_store.photos import DAY
from media_store.statistics import photo_statistics

State = PhotoJob.State
VERDICTS = dict(PhotoJob.Verdict.choices)

# The drawing, in its own units; it scales with the page.
WIDTH, HEIGHT, LABELS = 720, 160, 20
GAP = 4
HOURS_PER_LABEL = 6
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class Bar:
    """One hour of the chart: its place and height in the drawing, and what is said of it."""

    x: float
    y: float
    width: float
    height: float
    hour: datetime
    count: int
    is_labelled: bool

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def show_statistics(request: HttpRequest) -> TemplateResponse:
    """Show the numbers of `photo_stats`, for superusers of everybody's photos, else of one's own."""
    if not request.user.has_perm("media_store.view_photojob"):
        raise PermissionDenied
    now = timezone.now()
    jobs = PhotoJob.objects.visible_to(request.user)
    statistics = photo_statistics(jobs, now=now)
    bars = chart(statistics["completions_per_hour"])
    page = {
        **admin.site.each_context(request),
        "title": "Photo statistics",
        "statistics": statistics,
        "success_percent": percent(statistics["success_rate"]),
        "oldest": in_words(statistics["oldest_pending_seconds"]),
        "states": [{"state": state, **statistics["states"][state]} for state in State],
        "verdicts": [
            {"verdict": verdict, "label": VERDICTS.get(verdict, verdict), "count": count}
            for verdict, count in sorted(statistics["verdicts"].items(), key=lambda item: -item[1])
        ],
        "failing_hosts": [
            {**host, "reason": VERDICTS.get(host["last_verdict"], host["last_verdict"])}
            for host in statistics["failing_hosts"]
        ],
        "chart": {"width": WIDTH, "height": HEIGHT + LABELS, "base": HEIGHT, "bars": bars},
        "completed_today": sum(bar.count for bar in bars),
        "highest": max(bar.count for bar in bars),
        **waiting_and_failed(jobs, now=now),
        "has_act_permission": request.user.has_perm("media_store.change_photojob"),
    }
    return TemplateResponse(request, "media_store/admin/statistics.html", page)


def waiting_and_failed(jobs: QuerySet[PhotoJob], *, now: datetime) -> dict[str, int]:
    """Return how many of `jobs` wait, and how many failed in the last 24 hours; each is counted to 10,000 only."""
    found = {
        "waiting": jobs.filter(state=State.PENDING),
        "failed_lately": jobs.filter(state=State.FAILED, finished_at__gte=now - DAY),
    }
    return {name: rows.order_by()[:COUNTED_AT_MOST].count() for name, rows in found.items()}


def chart(hours: list[dict[str, Any]]) -> list[Bar]:
    """Return the bars of the completions per hour, the highest as high as the drawing, none too low to be seen."""
    highest = max(hour["count"] for hour in hours) or 1
    step = WIDTH / len(hours)
    bars: list[Bar] = []
    for place, hour in enumerate(hours):
        height = max(round(hour["count"] / highest * HEIGHT, 1), 1.0)
        bars.append(
            Bar(
                x=round(place * step + GAP / 2, 1),
                y=HEIGHT - height,
                width=step - GAP,
                height=height,
                hour=timezone.localtime(datetime.fromisoformat(hour["hour"])),
                count=hour["count"],
                is_labelled=place % HOURS_PER_LABEL == 0 or place == len(hours) - 1,
            )
        )
    return bars


def in_words(seconds: float | None) -> str:
    """Return a span by its largest unit and the next, as "3 h 5 min" or "5 min"; empty for None."""
    if seconds is None:
        return ""
    for (size, unit), (smaller, next_unit) in pairwise(UNITS):
        if seconds >= size:
            whole, rest = divmod(int(seconds), size)
            return f"{whole} {unit}" + (f" {rest // smaller} {next_unit}" if rest >= smaller > 1 else "")
    return f"{int(seconds)} s"


def percent(rate: float | None) -> str:
    """Return 99.8 % as "99.8", never rounded up to 100 while something failed."""
    return "" if rate is None else f"{int(rate * 1_000) / 10:g}"
