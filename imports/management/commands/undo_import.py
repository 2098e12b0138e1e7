from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from config.management.acting import ActingCommand
from imports import lifecycle
from imports.models import ImportJob, ImportRow
from imports.running import run_to_rest

State = ImportJob.State


class Command(ActingCommand):
    help = (
        "Take back what an import wrote, where nobody has changed it since, and wait for the end. "
        "What stays is counted as kept; the import's page says why. Undoing twice does nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("job", type=int, metavar="JOB", help="number of the import")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        started_at = time.monotonic()
        job = ImportJob.objects.filter(pk=options["job"]).first()
        if job is None:
            raise CommandError(f"There is no import {options['job']}.")
        is_undone_already = job.state == State.UNDONE
        if job.state not in (State.UNDONE, State.UNDO_REQUESTED, State.UNDOING):
            try:
                lifecycle.undo(job)
            except lifecycle.NotAllowed as refusal:
                raise CommandError(f"{job}: {refusal}") from refusal
        job.refresh_from_db()
        run_to_rest(job)
        answer = {
            "job_id": job.pk,
            "state": job.state,
            **{bucket: getattr(job, bucket) for bucket in ImportRow.Undo.values},
            "is_undone_already": is_undone_already,
            "duration_ms": round((time.monotonic() - started_at) * 1_000),
        }
        self.stdout.write(json.dumps(answer) if options["json"] else _sentence(job, answer))
        if job.state != State.UNDONE:
            raise CommandError(f"{job} is not undone: {job.last_error or job.get_state_display()}")


def _sentence(job: ImportJob, answer: dict[str, Any]) -> str:
    counts = f"{job.reversed} reversed, {job.kept} kept, {job.errored} errored"
    if answer["is_undone_already"]:
        return f"{job} was undone before; there was nothing to do ({counts})."
    return f"{job}: {counts}."
