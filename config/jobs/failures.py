"""The four classes of failure and how long to wait after each."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MAX_BACKOFF = timedelta(hours=1)
MAX_RETRY_AFTER = timedelta(hours=24)
FIRST_BACKOFF = timedelta(seconds=15)


class JobFailure(Exception):
    """A job could not go on.

    `code` is short, stable and filterable; the message is one plain sentence, shown in the admin, without secrets.
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class TemporaryFailure(JobFailure):
    """Try again later: after the backoff, or after `retry_after` when the other side asked for longer."""

    def __init__(self, message: str, *, code: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class PermissionFailure(JobFailure):
    """Access was taken away: hold the job until a person reconnects the account."""


class CursorFailure(JobFailure):
    """The place we had reached is no longer known to the other side: begin again from the start."""


class PermanentFailure(JobFailure):
    """Trying again cannot help."""


def backoff(attempts: int, *, retry_after: timedelta | None = None, jitter: float | None = None) -> timedelta:
    """Return the wait after the given number of attempts (from 1): doubled each time, half of it random.

    `jitter` in 0..1 replaces the random draw. A longer `retry_after` wins, up to 24 hours.
    """
    share: float = 0.5 + 0.5 * (random.random() if jitter is None else jitter)  # noqa: S311 (spreads load, keeps no secret)
    wait: timedelta = min(MAX_BACKOFF, FIRST_BACKOFF * 2 ** min(attempts - 1, 16)) * share
    if retry_after is not None:
        wait = max(wait, min(retry_after, MAX_RETRY_AFTER))
    return wait


def parse_retry_after(value: str, *, now: datetime) -> timedelta | None:
    """Return the wait that a Retry-After header asks for, in seconds or as a date; None when it cannot be read."""
    if re.fullmatch(r"[0-9]{1,9}", value.strip()):
        return timedelta(seconds=int(value))
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(until - now, timedelta(0))
