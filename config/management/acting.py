"""Commands whose acts are written in the audit journal."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config import audit


class ActingCommand(BaseCommand):
    """A command that is named in the journal as the one who acted: there is no signed-in person."""

    def execute(self, *args: Any, **options: Any) -> Any:
        name = type(self).__module__.rpartition(".")[2]
        with audit.acting(lambda: f"command {name}"):
            return super().execute(*args, **options)
