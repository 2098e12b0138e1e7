"""What has to be looked after each minute so that no import and no sync waits without a reason."""

from __future__ import annotations

from datetime import datetime

from imports.accounts.holding import release_connected
from imports.accounts.importing import start_due_imports
from imports.ending import tell_of_ended
from imports.turns import release_throttled


def tend(*, now: datetime) -> None:
    """Start what is due by the rhythm of its account; let go on what waited for a provider or for a person; tell of
    the imports that have ended."""
    start_due_imports(now=now)
    release_throttled()
    release_connected()
    tell_of_ended(now=now)
