"""The memory of scores: one snapshot a day at most, 400 days of them, and the journal of bands."""

from __future__ import annotations

from datetime import datetime, timedelta

from health.models import BandChange, HealthSnapshot

KEPT = timedelta(days=400)


def prune(*, now: datetime) -> int:
    """Delete what is older than 400 days; return how many rows."""
    oldest = now - KEPT
    snapshots = HealthSnapshot.objects.filter(day__lt=oldest.date())
    changes = BandChange.objects.filter(changed_at__lt=oldest)
    return snapshots._raw_delete("default") + changes._raw_delete("default")
