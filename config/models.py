"""Where Django looks for this app's tables; they are defined beside their subject."""

from __future__ import annotations

from config.jobs.models import JobAttempt, ScheduleSlot, WorkerBeat

__all__ = ["JobAttempt", "ScheduleSlot", "WorkerBeat"]
