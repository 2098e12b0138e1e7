from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from media_store.models import PhotoJob
from media_store.statistics import photo_statistics


class Command(BaseCommand):
    help = "Show what became of the photo jobs: states, verdicts, hosts, success rate, completions per hour."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        statistics = photo_statistics(PhotoJob.objects.all(), now=timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps(statistics))
            return
        for state, row in statistics["states"].items():
            mean = "" if row["mean_seconds"] is None else f"  mean {row['mean_seconds']:.2f} s"
            self.stdout.write(f"{state:<14}{row['count']:>9,}{mean}")
        for title in ("verdicts", "hosts"):
            self.stdout.write(f"\n{title}")
            for name, value in statistics[title].items():
                text = f"{value:>9,}" if isinstance(value, int) else f"{value['total']:>9,}  failed {value['failed']:,}"
                self.stdout.write(f"  {name:<40}{text}")
        self.stdout.write("\nslow hosts")
        for host in statistics["slow_hosts"]:
            self.stdout.write(f"  {host['host']:<40}{host['mean_seconds']:>9.3f} s  of {host['requests']:,}")
        self.stdout.write("\nfailing hosts")
        for host in statistics["failing_hosts"]:
            self.stdout.write(f"  {host['host']:<40}{host['failures']:>9,}  of {host['requests']:,}")
        rate, oldest = statistics["success_rate"], statistics["oldest_pending_seconds"]
        self.stdout.write(f"\nsuccess rate    {'-' if rate is None else f'{rate:.1%}'}")
        self.stdout.write(f"oldest waiting  {'-' if oldest is None else f'{oldest:,.0f} s'}")
        self.stdout.write(
            f"last 24 hours   {sum(hour['count'] for hour in statistics['completions_per_hour']):,} stored"
        )
