from __future__ import annotations

import importlib
import json
import re
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Run one measurement of bench/ beside its rival. `bench NAME --help` shows its options."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        """Take the options of the measurement that the command line names."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        name = next((argument for argument in sys.argv[2:] if not argument.startswith("-")), "")
        if name in measurements():
            _load(name).add_arguments(parser)
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help=", ".join(measurements()))
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["name"] not in measurements():
            raise CommandError(f"There is no measurement {options['name']!r}. Known: {', '.join(measurements())}.")
        figures: dict[str, Any] = _load(options["name"]).run(options)
        if options["json"]:
            self.stdout.write(json.dumps(figures))
            return
        width = max(len(key) for key in figures)
        for key, value in figures.items():
            self.stdout.write(f"{key:<{width}}  {_shown(value)}")


def measurements() -> list[str]:
    """Return the names of the files in bench/ that are measurements: those with a `run` of their own."""
    files = sorted(Path(settings.BASE_DIR, "bench").glob("*.py"))
    is_measurement = re.compile(r"^def run\(", re.MULTILINE)
    return [file.stem.replace("_", "-") for file in files if is_measurement.search(file.read_text())]


def _load(name: str) -> Any:
    return importlib.import_module("bench." + name.replace("-", "_"))


def _shown(value: Any) -> str:
    return f"{value:,.3f}" if isinstance(value, float) else str(value)
