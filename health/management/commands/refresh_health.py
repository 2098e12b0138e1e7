from __future__ import annotations

import json
import time
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.jobs.draining import drain
from config.jobs.models import Priority
from config.management.owners import find_owner
from health import profiles
from health.answers import answer_of
from health.models import HealthRun
from health.refreshing import request_run

PAUSE_SECONDS = 0.2


class Command(BaseCommand):
    help = "Refresh the scores that are due: of all active users, of one user, or of everybody."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--owner", help="only this user, by username")
        parser.add_argument("--max-age-hours", type=_hours, default=settings.HEALTH_MAX_AGE_HOURS)
        parser.add_argument("--profile", default="", help="instead of the active profile")
        parser.add_argument("--all-users", action="store_true", help="also users who have not been here for a while")
        parser.add_argument("--rows", action="store_true", help="list every score")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        owner = find_owner(options["owner"]) if options["owner"] else None
        try:
            profiles.load(options["profile"])
        except profiles.UnknownProfile as error:
            raise CommandError(str(error)) from None
        run = _finish(
            request_run(
                owner_id=owner.pk if owner else None,
                is_for_everyone=options["all_users"],
                profile=options["profile"],
                max_age_hours=options["max_age_hours"],
                priority=Priority.PERSON,
            )
        )
        answer = answer_of(run, has_rows=options["rows"])
        self.stdout.write(json.dumps(answer) if options["json"] else _sentence(answer))
        for row in answer.get("rows", []) if not options["json"] else []:
            self.stdout.write(f"{row['id']}  {row['score']}  {row['status']}{'  updated' if row['updated'] else ''}")
        if not answer["success"]:
            raise CommandError("; ".join(answer["errors"]))


def _finish(run: HealthRun) -> HealthRun:
    """Drain the queue until `run` has ended, here or in another worker."""
    while run.state not in HealthRun.FINAL_STATES:
        if not drain(HealthRun.QUEUE, seconds=None, is_ringing=False).processed:
            time.sleep(PAUSE_SECONDS)
        run.refresh_from_db()
    return run


def _hours(text: str) -> int:
    if not text.isdecimal() or int(text) > 24 * 365:
        raise ArgumentTypeError(f"{text!r} is not a number of hours")
    return int(text)


def _sentence(answer: dict[str, Any]) -> str:
    return (
        f"Refreshed {answer['relationshipsRefreshed']} relationships and {answer['dealsRefreshed']} deals "
        f"of {answer['usersProcessed']} {'user' if answer['usersProcessed'] == 1 else 'users'}."
    )
