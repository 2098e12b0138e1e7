"""Ask for syncs of a kind, for one person or everybody: by the clock, by command, by the cron addresses.

Each kind enters which accounts it reads and how its runs are summed up; filled in ImportsConfig.ready.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from config.jobs.draining import drain, reap_all
from config.jobs.models import Priority
from imports.models import ProviderAccount, SyncRun
from imports.sync.running import request_sync

POLL_SECONDS = 0.5

State = SyncRun.State


class CannotSync(Exception):
    """Nothing can be synced; the message says why in one sentence."""


@dataclass(frozen=True)
class Asking:
    """`accounts(owner_id, now)` are those to be read, of one owner or with None of everybody; raises CannotSync.

    `figures(runs)` are the keys of this kind's answer beside those that every kind has.
    """

    accounts: Callable[[int | None, datetime], Sequence[ProviderAccount]]
    figures: Callable[[Sequence[SyncRun]], dict[str, Any]]


askings: dict[str, Asking] = {}


def register_asking(kind: SyncRun.Kind, asking: Asking) -> None:
    """Let `sync <kind>` and the schedules ask for this kind."""
    askings[kind] = asking


def ask(
    kind: SyncRun.Kind,
    *,
    now: datetime,
    owner_id: int | None = None,
    since: datetime | None = None,
    triggered_by: str = "schedule",
    priority: int = Priority.NORMAL,
) -> list[SyncRun]:
    """Queue a run for each account, or take the one that waits already; return the runs."""
    runs = []
    for account in askings[kind].accounts(owner_id, now):
        run = request_sync(account, kind=kind, since=since, triggered_by=triggered_by, priority=priority)
        runs.append(run or _present(account, kind))
    return [run for run in runs if run is not None]


def run_to_rest(runs: Iterable[SyncRun]) -> None:
    """Work on the queue until these runs have come to rest, whoever does them; leaves their last values in them."""
    for run in runs:
        run.refresh_from_db()
        while _is_on_its_way(run):
            drained = drain(SyncRun.QUEUE, is_ringing=False)
            run.refresh_from_db()
            if not drained.processed and _is_on_its_way(run):
                time.sleep(POLL_SECONDS)
                reap_all()


def answer(kind: SyncRun.Kind, runs: Sequence[SyncRun], *, triggered_by: str, now: datetime) -> dict[str, Any]:
    """Return what commands and cron addresses say about these runs: with an error for each that did not end well."""
    errors = [f"{run.account or run}: {run.last_error}" for run in runs if _is_in_trouble(run)]
    return {
        "success": not errors,
        "usersProcessed": len({run.owner_id for run in runs}),
        **askings[kind].figures(runs),
        "errors": errors,
        "triggeredBy": triggered_by,
        "timestamp": now.isoformat(),
    }


def _present(account: ProviderAccount, kind: str) -> SyncRun | None:
    return SyncRun.objects.filter(account=account, kind=kind, state__in=[State.QUEUED, State.RUNNING]).first()


def _is_on_its_way(run: SyncRun) -> bool:
    """Say whether the run goes on by itself soon: one that has met a failure waits longer than anybody who asks."""
    is_at_rest = run.state in SyncRun.FINAL_STATES or run.held_reason
    return not is_at_rest and not (run.state == State.QUEUED and run.error_code and run.attempts)


def _is_in_trouble(run: SyncRun) -> bool:
    return run.state in (State.FAILED, State.CANCELLED) or bool(run.held_reason or run.error_code)
