"""The memory of scores: one snapshot a day at most, 400 days of them, the journal of bands, and 30 days of runs."""

from __future__ import annotations

from datetime import datetime, timedelta

from health.models import BandChange, HealthRun, HealthSnapshot

KEPT = timedelta(days=400)
RUNS_KEPT = timedelta(days=30)


def prune(*, now: datetime) -> int:
    """Delete what has had its time; return how many rows."""
    oldest = now - KEPT
    snapshots = HealthSnapshot.objects.filter(day__lt=oldest.date())
    changes = BandChange.objects.filter(changed_at__lt=oldest)
    runs = HealthRun.objects.filter(state__in=HealthRun.FINAL_STATES, finished_at__lt=now - RUNS_KEPT)
    return sum(rows._raw_delete("default") for rows in (snapshots, changes, runs))
