from __future__ import annotations

import signal
import threading
import time
from argparse import ArgumentParser
from collections import Counter
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from config.jobs.draining import Drained, drain, queues, reap_all
from config.management.queues import find_queue, report


class Command(BaseCommand):
    help = (
        "Run due jobs in this process, without worker processes: for at most 45 seconds a queue, or with --until-empty "
        "until no job is due now. Jobs that are due later are left. Ends after the batch at hand on Ctrl-C or SIGTERM."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queue", help="only this queue; else all of them")
        parser.add_argument("--until-empty", action="store_true", help="go on until no job is due")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        names = [find_queue(options["queue"]).name] if options["queue"] else list(queues)
        started_at = time.monotonic()
        stop = _stop_on_signals()
        reap_all()
        drained = _drain_all(names, stop) if options["until_empty"] else _drain_once(names, stop)
        answer: dict[str, Any] = drained.as_counts()
        answer["message"] = _sentence(answer, is_stopped=stop.is_set())
        answer["duration_ms"] = round((time.monotonic() - started_at) * 1_000)
        report(self, answer, is_json=options["json"])


def _drain_once(names: list[str], stop: threading.Event) -> Drained:
    passes = [drain(name, is_ringing=False, stop=stop) for name in names]
    return Drained(sum((each.outcomes for each in passes), Counter()), all(each.is_empty for each in passes))


def _drain_all(names: list[str], stop: threading.Event) -> Drained:
    """Go round the queues until a whole round finds nothing, because one queue's jobs may fill another."""
    total = Drained()
    while not stop.is_set():
        outcomes: Counter[str] = Counter()
        for name in names:
            outcomes += drain(name, seconds=None, is_ringing=False, stop=stop).outcomes
        if not outcomes:
            break
        total.outcomes += outcomes
    return total


def _sentence(counts: dict[str, Any], *, is_stopped: bool) -> str:
    jobs = "1 job" if counts["processed"] == 1 else f"{counts['processed']} jobs"
    parts = ", ".join(f"{counts[key]} {text}" for key, text in _WORDS.items() if counts[key])
    ending = " Stopped before the queue was empty." if is_stopped else ""
    return f"Processed {jobs}" + (f": {parts}." if parts else ".") + ending


_WORDS = {"completed": "completed", "retried": "to be tried again", "failed": "failed"}


def _stop_on_signals() -> threading.Event:
    """Return an event that the first SIGINT or SIGTERM sets; a second one ends the process as usual."""
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, handle)
    return stop
