from __future__ import annotations

import json
import secrets
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError, CommandParser

from media_store.moving import destinations
from media_store.tiers import CHUNK


class Command(BaseCommand):
    help = (
        "Write every picture of a user, organization and part into DIR as a file, in the layout that import_media "
        "reads. Files that are there with the same content stay; nothing is deleted from DIR."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR")
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        counts, missing = Counter[str](), list[str]()
        try:
            for destination in destinations().values():
                for key, name in destination.stored():
                    path = folder / destination.folder / f"{_safe(key)}{Path(name).suffix}"
                    try:
                        _write(path, name)
                    except FileNotFoundError:
                        missing.append(name)
                    else:
                        counts[destination.folder] += 1
        except OSError as error:
            raise CommandError(f"{folder} cannot be written: {error}") from error
        if options["json"]:
            self.stdout.write(json.dumps({"written": dict(counts), "missing": missing}))
        else:
            self.stdout.write(", ".join(f"{count:,} {label}" for label, count in counts.items()) or "No pictures.")
        if missing:
            raise CommandError(f"{len(missing):,} files are not in the store: {', '.join(missing[:5])}")


def _safe(key: str) -> str:
    """Return a key as a relative path; a name of dots leads nowhere."""
    parts = (quote(part, safe=" @+") for part in key.split("/"))
    return "/".join(f"%2E{part[1:]}" if part.startswith(".") else part for part in parts)


def _write(path: Path, name: str) -> None:
    """Write a file beside its place and move it there, so that none is ever half there."""
    with default_storage.open(name) as file:
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{secrets.token_hex(8)}.part")
        try:
            with half.open("wb") as out:
                while piece := file.read(CHUNK):
                    out.write(piece)
            half.replace(path)
        finally:
            half.unlink(missing_ok=True)
