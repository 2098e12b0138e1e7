"""Where Django looks for this app's tables; they are defined beside their subject."""

from __future__ import annotations

from config.audit import AuditEvent
from config.erasures import Erasure
from config.jobs.models import JobAttempt, ScheduleSlot, WorkerBeat
from config.notices.models import Notice

__all__ = ["AuditEvent", "Erasure", "JobAttempt", "Notice", "ScheduleSlot", "WorkerBeat"]
