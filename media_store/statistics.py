"""What became of the photo jobs, in numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import (
    Avg,
    Case,
    Count,
    DurationField,
    F,
    Func,
    Min,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Lower, TruncHour

from config.jobs.models import JobAttempt
from media_store.models import PhotoHost, PhotoJob

State = PhotoJob.State
Outcome = JobAttempt.Outcome

MAX_HOSTS = 50
MAX_LISTED = 10
# Host and port as they are written in an address, without a user name.
HOST = r"^[a-zA-Z]+://(?:[^/@]*@)?([^/?#]+)"


def photo_statistics(jobs: QuerySet[PhotoJob], *, now: datetime) -> dict[str, Any]:
    """Return counts of `jobs` by state, verdict and host, and how the attempts of the last 24 hours went.

    Mean seconds: how long jobs of a final state took from their last claim, and how long the others have waited or
    run. `success_rate` is completed / (completed + failed), None before the first. Hours are in UTC, oldest first.
    """
    states = _states(jobs, now)
    completed, failed = (states[state]["count"] for state in (State.COMPLETED, State.FAILED))
    oldest = jobs.filter(state=State.PENDING).aggregate(at=Min("queued_at"))["at"]
    hosts = _hosts(jobs)
    return {
        "total": sum(state["count"] for state in states.values()),
        "states": states,
        "verdicts": dict(jobs.exclude(verdict="").values_list("verdict").annotate(Count("pk")).order_by("verdict")),
        "hosts": hosts,
        **_slow_and_failing(list(hosts)),
        "success_rate": round(completed / (completed + failed), 4) if completed + failed else None,
        "oldest_pending_seconds": round((now - oldest).total_seconds(), 1) if oldest else None,
        "completions_per_hour": _completions(jobs, now),
    }


def _states(jobs: QuerySet[PhotoJob], now: datetime) -> dict[str, dict[str, Any]]:
    span = Case(
        When(state=State.PENDING, then=Value(now) - F("queued_at")),
        When(state=State.DOWNLOADING, then=Value(now) - F("started_at")),
        default=F("finished_at") - F("started_at"),
        output_field=DurationField(),
    )
    rows = jobs.order_by().values_list("state").annotate(count=Count("pk"), mean=Avg(span))
    found = {state: (count, mean) for state, count, mean in rows}
    states: dict[str, dict[str, Any]] = {}
    for state in State:
        count, mean = found.get(state, (0, None))
        seconds = None if mean is None else round(max(mean, timedelta(0)).total_seconds(), 3)
        states[state.value] = {"count": count, "mean_seconds": seconds}
    return states


def _hosts(jobs: QuerySet[PhotoJob]) -> dict[str, dict[str, int]]:
    host = Func(F("source_url"), Value(HOST), function="substring", output_field=TextField())
    rows: Any = (
        jobs.filter(source_kind=PhotoJob.SourceKind.URL)
        .annotate(host=Lower(Coalesce(host, Value(""), output_field=TextField())))
        .values("host")
        .annotate(
            total=Count("pk"),
            completed=Count("pk", filter=Q(state=State.COMPLETED)),
            failed=Count("pk", filter=Q(state=State.FAILED)),
        )
        .order_by("-total", "host")[:MAX_HOSTS]
    )
    return {row.pop("host"): dict(row) for row in rows}


def _slow_and_failing(names: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return those of these hosts that are slowest and that fail most often, over all downloads so far."""
    hosts = PhotoHost.objects.filter(requests__gt=0, host__in=names)
    rows = [
        {
            "host": host.host,
            "requests": host.requests,
            "failures": host.failures,
            "mean_seconds": round(host.seconds / host.requests, 3),
            "last_verdict": host.last_verdict,
        }
        for host in hosts
    ]
    failing = [row for row in rows if row["failures"]]
    return {
        "slow_hosts": sorted(rows, key=lambda row: -float(str(row["mean_seconds"])))[:MAX_LISTED],
        "failing_hosts": sorted(failing, key=lambda row: -int(str(row["failures"])))[:MAX_LISTED],
    }


def _completions(jobs: QuerySet[PhotoJob], now: datetime) -> list[dict[str, Any]]:
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    hours = [this_hour - timedelta(hours=back) for back in range(23, -1, -1)]
    attempts = JobAttempt.objects.filter(
        kind=PhotoJob._meta.label_lower,
        outcome=Outcome.COMPLETED,
        finished_at__gte=hours[0],
        job_id__in=jobs.values("pk"),
    )
    hour = TruncHour("finished_at", tzinfo=UTC)  # not the viewer's zone, whose hours may begin at half past
    counts = dict(attempts.annotate(hour=hour).values_list("hour").annotate(Count("pk")))
    return [{"hour": hour.isoformat(), "count": counts.get(hour, 0)} for hour in hours]
