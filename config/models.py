"""Where Django looks for this app's tables; they are defined beside their subject."""

from __future__ import annotations

from config.audit import AuditEvent
from config.jobs.models import JobAttempt, ScheduleSlot, WorkerBeat

__all__ = ["AuditEvent", "JobAttempt", "ScheduleSlot", "WorkerBeat"]
