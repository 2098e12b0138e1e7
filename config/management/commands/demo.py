from __future__ import annotations

import io
import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import BaseCommand, CommandError, call_command
from django.utils import timezone

from config import demo, demo_google, demo_history
from imports.models import ImportJob, SyncRun


class Command(BaseCommand):
    help = "Fill the hub with the sample people and their pictures; running it again changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object, and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        self._is_quiet: bool = options["json"]
        call_command("migrate", verbosity=0)
        call_command("setup_schedules", stdout=io.StringIO())
        login = demo.ensure_admin()
        owner = User.objects.get(username=login.username)
        self._say(f"admin user   {'created' if login.is_new else 'already there'}")
        for name in demo.SAMPLES:
            self._report_import(name, demo.import_sample(settings.BASE_DIR / "samples" / name, owner))
        self._import_google(owner)
        self._tell_history(owner)
        counts = demo.summary(owner)
        self._report(counts, login)
        if options["json"]:
            self.stdout.write(json.dumps(_answer(counts, login)))
        if counts["photos failed"]:
            raise CommandError(f"{counts['photos failed']} photos failed; the admin's photo jobs say why.")

    def _say(self, line: str) -> None:
        if not self._is_quiet:
            self.stdout.write(line)

    def _report_import(self, name: str, job: ImportJob | None) -> None:
        if job is None:
            self._say(f"{name:<12} already imported, nothing changed")
            return
        if job.state != ImportJob.State.COMPLETED:
            raise CommandError(f"{name} could not be imported: {job.last_error or job.state}")
        self._say(
            f"{name:<12} {job.total} people: {job.created} created, {job.updated} updated, {job.unchanged} unchanged, "
            f"{job.skipped} skipped, {job.invalid} invalid, {job.failed} failed"
        )

    def _import_google(self, owner: User) -> None:
        """Import from the stand-in for Google, which also serves its pictures, and store the photos of all imports."""
        if demo_google.is_done(owner) or not settings.FIELD_KEYS:
            self._say(f"{'Google':<12} already imported, nothing changed")
            self._store_photos(owner)
            return
        with demo_google.standing_in() as is_standing:
            if is_standing:
                self._report_import("Google", demo_google.import_account(owner))
            else:
                self._say(f"{'Google':<12} left out: the stand-in for Google could not be started")
            self._store_photos(owner)

    def _tell_history(self, owner: User) -> None:
        if demo_history.is_done(owner):
            self._say(f"{'mail':<12} already read, nothing changed")
            return
        run = demo_history.tell(owner, now=timezone.now())
        if run.state != SyncRun.State.COMPLETED:
            raise CommandError(f"The sample mail could not be read: {run.last_error or run.state}")
        self._say(f"{'mail':<12} {run.seen} messages with {run.contacts_matched} people; scores, deals, meetings")

    def _store_photos(self, owner: User) -> None:
        try:
            with demo.portraits_allowed():
                demo.store_photos(owner)
        except OSError as error:
            raise CommandError(
                f"The demo serves its portraits on 127.0.0.1:{demo.PORTRAITS_PORT}, which is taken: {error.strerror}."
            ) from error

    def _report(self, counts: dict[str, int], login: demo.Login) -> None:
        self._say("")
        for what, count in counts.items():
            self._say(f"  {what:<20}{count:>6}")
        password = login.password or "the one you chose"
        self._say(f"\nLook at it: make serve, then {settings.BASE_URL}/admin/")
        self._say(f"  user {login.username}, password {password}\n")
        state = "failed" if counts["photos failed"] else "ok"
        self._say(
            f"demo: {state} contacts={counts['contacts']} photos={counts['photos stored']} "
            f"failed={counts['photos failed']}"
        )


def _answer(counts: dict[str, int], login: demo.Login) -> dict[str, Any]:
    """Return what `--json` prints; no password where it is one that a person chose."""
    return {
        "contacts": counts["contacts"],
        "photos": counts["photos stored"],
        "failed": counts["photos failed"],
        "user": login.username,
        "password": login.password,
    }
