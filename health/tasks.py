"""What the clock and other apps may ask of health."""

from __future__ import annotations

from config.jobs.draining import Drained, drain
from health.models import HealthRun
from health.refreshing import request_run

DAILY_MAX_AGE_HOURS = 20


def refresh_daily() -> Drained:
    """Refresh all active owners; 20 hours, so that a run that begins a little early skips no day."""
    request_run(max_age_hours=DAILY_MAX_AGE_HOURS, triggered_by="schedule")
    return drain(HealthRun.QUEUE)
