from __future__ import annotations

import json
import signal
import sys
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from config.jobs.guarding import Guard


class Command(BaseCommand):
    help = (
        "Run the workers (django-q2's qcluster) and start them again when they end or stop working. SIGTERM or Ctrl-C "
        "lets them finish the batch at hand. Any number of these may run side by side."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--beat-every", type=float, default=30.0, metavar="SECONDS")
        parser.add_argument(
            "--silence", type=float, default=180.0, metavar="SECONDS", help="after which to start again"
        )
        parser.add_argument("--grace", type=float, default=60.0, metavar="SECONDS", help="to finish in before a kill")
        parser.add_argument("--json", action="store_true", help="print a JSON object for each thing that happens")

    def handle(self, *args: Any, **options: Any) -> None:
        self._is_json: bool = options["json"]
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        Guard(
            command=[sys.executable, str(settings.BASE_DIR / "manage.py"), "qcluster"],
            say=self._say,
            beat_every=options["beat_every"],
            silence=options["silence"],
            grace=options["grace"],
        ).run(stop)
        self._say("Workers stopped.")

    def _say(self, line: str) -> None:
        self.stdout.write(json.dumps({"message": line}) if self._is_json else f"qguard: {line}")
        self.stdout.flush()
