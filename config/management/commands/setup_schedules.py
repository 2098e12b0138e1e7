from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from config import schedules
from config.management.queues import report


class Command(BaseCommand):
    help = "Write the schedules of this version for the workers; running it again changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            names = schedules.set_up(now=timezone.now())
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        answer = {"schedules": names, "message": f"Schedules: {', '.join(names)}."}
        report(self, answer, is_json=options["json"])
