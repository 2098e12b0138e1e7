from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from media_store.collecting import Busy
from media_store.doctor import Finding, Progress, examine
from media_store.mending import mend
from media_store.usage import bytes_by_tier, coverage, look_up

MAX_LISTED = 1_000
REPORT_SECONDS = 5.0


class Command(BaseCommand):
    help = (
        "Compare the store with its records: missing, orphaned, damaged, misplaced and unreadable files. "
        "Changes nothing without --fix; exits with 1 when something is lost or damaged."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fix", action="store_true", help="Mend what can be mended without losing anything.")
        parser.add_argument("--start-after", metavar="NAME", default="", help="Go on after this name.")
        parser.add_argument("--quick", action="store_true", help="Compare sizes only; read no content.")
        parser.add_argument("--owner-of", metavar="NAME", help="Only say whose this file is and what uses it.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["owner_of"]:
            self._look_up(options["owner_of"], is_json=options["json"])
            return
        started_at, progress = time.monotonic(), Progress(self._report, last_name=options["start_after"])
        findings, counts, mended, lost = self._examine(progress, options)
        answer = {
            "examined": progress.examined,
            "last_name": progress.last_name,
            "findings": [asdict(finding) for finding in findings],
            "counts": dict(counts),
            "fixed": mended,
            "left": sum(counts.values()) - mended,
            "bytes": bytes_by_tier(),
            "pictures": coverage(),
            "duration_ms": round((time.monotonic() - started_at) * 1_000),
        }
        self._write(answer, is_json=options["json"])
        if lost:
            raise CommandError(f"{lost:,} {'file is' if lost == 1 else 'files are'} lost or damaged.")

    def _examine(self, progress: Progress, options: dict[str, Any]) -> tuple[list[Finding], Counter[str], int, int]:
        """Return the first findings, counts by kind, how many were mended, and how many unmended ones are losses."""
        now, listed, counts, mended, lost = timezone.now(), list[Finding](), Counter[str](), 0, 0
        self._reported_at = time.monotonic()
        try:
            for finding in examine(
                now=now, start_after=options["start_after"], is_quick=options["quick"], progress=progress
            ):
                found = mend(finding, now=now) if options["fix"] else finding
                counts[found.kind] += 1
                mended += bool(found.done)
                lost += found.kind.is_loss and not found.done
                if len(listed) < MAX_LISTED:
                    listed.append(found)
                if not options["json"]:
                    self._say(found)
        except (Busy, OSError, KeyboardInterrupt) as problem:
            hint = f" Go on with --start-after '{progress.last_name}'." if progress.last_name else ""
            raise CommandError(f"{problem or 'Interrupted.'}{hint}") from problem
        return listed, counts, mended, lost

    def _say(self, finding: Finding) -> None:
        done = f" -> {finding.done}" if finding.done else ""
        self.stdout.write(f"{finding.kind:<16}{finding.name}  {finding.detail}{done}")

    def _report(self, progress: Progress) -> None:
        """Say every few seconds how far it is, so that a run that is killed can go on from there."""
        if time.monotonic() - self._reported_at >= REPORT_SECONDS:
            self._reported_at = time.monotonic()
            self.stderr.write(f"{progress.examined:,} examined, up to {progress.last_name}")

    def _write(self, answer: dict[str, Any], *, is_json: bool) -> None:
        if is_json:
            self.stdout.write(json.dumps(answer))
            return
        self.stdout.write(f"\n{answer['examined']:,} names examined in {answer['duration_ms'] / 1_000:.1f} s")
        for kind, count in sorted(answer["counts"].items()):
            self.stdout.write(f"  {kind:<16}{count:>9,}")
        for tier, kinds in answer["bytes"].items():
            for kind, amount in kinds.items():
                self.stdout.write(f"{tier:<10}{kind:<16}{amount['files']:>9,}{amount['bytes']:>16,} bytes")
        for label, having in answer["pictures"].items():
            self.stdout.write(f"{label:<26}{having['with_picture']:>9,} of {having['total']:,} have a picture")

    def _look_up(self, name: str, *, is_json: bool) -> None:
        found = look_up(name)
        if found is None:
            raise CommandError(f"There is no file {name!r} in the store.")
        if is_json:
            self.stdout.write(json.dumps(found))
            return
        for key, value in found.items():
            for line in value if isinstance(value, list) else [value]:
                self.stdout.write(f"{key:<10}{line}")
