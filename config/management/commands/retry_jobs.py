from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models.functions import Now

from config.jobs.controls import retry
from config.management.queues import duration, find_queue, find_state, report

RETRIABLE = ("failed", "cancelled")


class Command(BaseCommand):
    help = "Put failed (or cancelled) jobs back into their queue, ahead of the others."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queue", required=True)
        parser.add_argument("--state", default="failed", help="failed (the default) or cancelled")
        parser.add_argument("--since", type=duration, help="only jobs that ended in this time: 30m, 24h, 7d")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        queue = find_queue(options["queue"])
        state = find_state(queue, options["state"])
        if state not in RETRIABLE:
            raise CommandError(f"Only failed or cancelled jobs can be retried, not those that are {state}.")
        jobs = queue.model._base_manager.filter(state=state)
        if options["since"] is not None:
            jobs = jobs.filter(finished_at__gte=Now() - options["since"])
        count = retry(jobs)
        answer = {"queue": queue.name, "retried": count, "message": f"{count} {state} jobs put back into {queue.name}."}
        report(self, answer, is_json=options["json"])
