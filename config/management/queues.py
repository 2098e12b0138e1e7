"""What the job commands share: naming a queue, a duration, and telling the result."""

from __future__ import annotations

import json
import re
from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.jobs.draining import Queue, queues


def find_queue(name: str) -> Queue:
    """Return the queue called `name`; CommandError lists the known ones."""
    try:
        return queues[name]
    except KeyError:
        known = ", ".join(sorted(queues)) or "none"
        raise CommandError(f"There is no queue {name!r}. Known queues: {known}.") from None


def duration(text: str) -> timedelta:
    """Read `90s`, `30m`, `24h` or `7d`."""
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if match is None:
        raise ArgumentTypeError(f"{text!r} is not a duration such as 30m, 24h or 7d")
    return timedelta(**{units[match[2]]: int(match[1])})


def find_state(queue: Queue, state: str) -> str:
    """Return `state` if jobs of the queue can be in it; CommandError lists the known ones."""
    known = [value for value, _ in queue.model._meta.get_field("state").flatchoices]
    if state not in known:
        raise CommandError(f"Jobs of {queue.name!r} are never {state!r}. Known states: {', '.join(known)}.")
    return state


def report(command: BaseCommand, answer: dict[str, Any], *, is_json: bool) -> None:
    """Write the answer as one JSON object, or its message."""
    command.stdout.write(json.dumps(answer) if is_json else str(answer["message"]))
