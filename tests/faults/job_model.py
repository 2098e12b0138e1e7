"""What a leased job must be after any sequence of events: the rules of docs/architecture.md in plain Python.

Written without a look at the SQL of config/jobs, which tests/faults/test_job_core.py holds against it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from config.jobs.failures import CursorFailure, JobFailure, PermanentFailure, PermissionFailure, TemporaryFailure
from config.jobs.models import HeldReason, Priority

STEPS = {"pending": "fetching", "fetched": "planning", "confirmed": "importing", "undo_requested": "undoing"}
ENDS_IN = {"fetching": "fetched", "planning": "ready", "importing": "completed", "undoing": "undone"}
BEGINS_IN = {running: claimable for claimable, running in STEPS.items()}
FINAL = {"completed", "failed", "cancelled", "undone"}

# The arrows of the diagram: nothing else may ever be seen.
ARROWS = {
    *STEPS.items(),
    *BEGINS_IN.items(),
    *ENDS_IN.items(),
    ("planning", "confirmed"),
    ("ready", "confirmed"),
    *((running, "failed") for running in BEGINS_IN),
    *((state, "cancelled") for state in [*STEPS, *BEGINS_IN, "ready"]),
    *((ended, state) for ended in ("failed", "cancelled") for state in [*STEPS, "ready"]),
}


MAX_CRASHES = 3


@dataclass
class Job:
    """One job as the rules say; `attempt_log` is what its JobAttempt rows must be, as (outcome, code)."""

    pk: int
    state: str = "pending"
    attempts: int = 0
    crashes: int = 0
    priority: int = Priority.NORMAL
    held_reason: str = ""
    resume_state: str = ""
    error_code: str = ""
    token: UUID | None = None
    is_expired: bool = False
    is_due: bool = True
    effects: int = 0
    attempt_log: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_running(self) -> bool:
        return self.state in BEGINS_IN

    @property
    def is_claimable(self) -> bool:
        return self.state in STEPS and not self.held_reason and self.is_due

    def at_rest(self) -> str:
        return BEGINS_IN.get(self.state, self.state)

    def claim(self, token: UUID) -> None:
        self.state, self.token, self.is_expired = STEPS[self.state], token, False
        self.attempts += 1

    def leave(self, state: str, *, outcome: str, code: str = "") -> None:
        """Leave the hands of the worker."""
        self.state, self.token, self.is_expired = state, None, False
        self.error_code = code
        self.attempt_log.append((outcome, code))

    def progress(self, state: str) -> None:
        self.leave(state, outcome="completed" if state in FINAL else "progressed")
        self.attempts = self.crashes = 0
        self.resume_state, self.is_due = "", True

    def fail(self, error: Exception, *, most: int) -> None:
        before = self.at_rest()
        code = error.code if isinstance(error, JobFailure) else "internal_error"
        if isinstance(error, PermissionFailure):
            self.leave(before, outcome="held", code=code)
            self.held_reason, self.is_due = HeldReason.NEEDS_RECONNECT, True
        elif isinstance(error, PermanentFailure) or self.attempts >= most:
            self.leave("failed", outcome="failed", code=code)
            self.resume_state, self.is_due = before, True
        else:
            self.leave(before, outcome="retried", code=code)
            self.is_due = isinstance(error, CursorFailure)

    def crash(self) -> None:
        before = self.at_rest()
        self.crashes += 1
        is_over = self.crashes >= MAX_CRASHES
        self.leave("failed" if is_over else before, outcome="crashed", code="crashed")
        self.resume_state, self.is_due = before if is_over else "", False

    def cancel(self) -> None:
        before = self.at_rest()
        self.leave("cancelled", outcome="cancelled", code="cancelled")
        self.resume_state, self.held_reason, self.error_code = before, "", ""

    def pause(self) -> None:
        if self.is_running:
            code = self.error_code
            self.leave(self.at_rest(), outcome="held", code=HeldReason.PAUSED)
            self.attempts, self.error_code = max(self.attempts - 1, 0), code
        self.held_reason = HeldReason.PAUSED

    def resume(self) -> None:
        self.held_reason, self.attempts, self.is_due = "", 0, True

    def retry(self) -> None:
        self.state, self.resume_state = self.resume_state or "pending", ""
        self.attempts = self.crashes = 0
        self.held_reason, self.error_code, self.is_due, self.priority = "", "", True, Priority.PERSON

    def row(self) -> dict[str, Any]:
        """Return what the job's row must say."""
        names = ("state", "attempts", "crashes", "priority", "held_reason", "resume_state", "error_code", "is_due")
        return {
            **{name: getattr(self, name) for name in names},
            "lease_token": self.token,
            "is_expired": self.is_expired,
            "processed": self.effects,
            "has_ended": self.state in FINAL,
        }


def to_claim(jobs: list[tuple[Job, datetime]], *, limit: int) -> list[Job]:
    """Return whom a claim must take of these (job, due at), in their order: one that has crashed comes alone."""
    due = sorted(
        ((job, at) for job, at in jobs if job.is_claimable), key=lambda pair: (pair[0].priority, pair[1], pair[0].pk)
    )
    first = [job for job, _ in due[:limit]]
    if first and first[0].crashes:
        return first[:1]
    return [job for job in first if not job.crashes]


FAILURES: dict[str, Exception] = {
    "temporary": TemporaryFailure("Try later.", code="server_error"),
    "permission": PermissionFailure("Sign in again.", code="denied"),
    "cursor": CursorFailure("Begin again.", code="cursor_lost"),
    "permanent": PermanentFailure("It cannot be.", code="gone"),
    "unexpected": ZeroDivisionError("A mistake of ours."),
}
