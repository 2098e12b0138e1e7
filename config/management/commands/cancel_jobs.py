from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.jobs.controls import cancel
from config.management.queues import find_queue, find_state, report


class Command(BaseCommand):
    help = "End jobs that have not ended; running ones stop before they write anything more."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queue", required=True)
        parser.add_argument("--state", help="only jobs in this state; else all that have not ended")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        queue = find_queue(options["queue"])
        jobs = queue.model._base_manager.all()
        if options["state"]:
            state = find_state(queue, options["state"])
            if state in queue.model.FINAL_STATES:
                raise CommandError(f"Jobs that are {state} have ended already.")
            jobs = jobs.filter(state=state)
        count = cancel(jobs)
        answer = {"queue": queue.name, "cancelled": count, "message": f"{count} jobs of {queue.name} cancelled."}
        report(self, answer, is_json=options["json"])
