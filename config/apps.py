from __future__ import annotations

import sys
from typing import Any

from django.apps import AppConfig
from django.core.management import call_command
from django.db.models.signals import post_migrate

WORKER_ADDRESS_SPACE = 4 << 30


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Kith"

    def ready(self) -> None:
        from django.conf import settings
        from django_q.signals import post_execute, post_spawn

        from config import checks, crash_reports, erasing  # noqa: F401 - the checks register themselves
        from config.jobs import beats
        from config.jobs.draining import Queue, register
        from config.notices import sending
        from config.notices.models import Notice

        register(Queue(Notice.QUEUE, Notice, sending.run))
        crash_reports.start(settings.SENTRY_DSN)
        erasing.register()
        post_migrate.connect(make_cache_table, sender=self, dispatch_uid="cache-table")
        post_execute.connect(beats.record, dispatch_uid="worker-beat")
        post_spawn.connect(limit_memory, dispatch_uid="worker-memory")


def limit_memory(**_signal: Any) -> None:
    """Let a worker of django-q2 that takes too much meet a MemoryError, which is one failed job.

    The system's out-of-memory killer would end the process instead and with it the whole cluster.
    """
    if sys.platform == "linux":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (WORKER_ADDRESS_SPACE, hard))


def make_cache_table(*, using: str, **_signal: Any) -> None:
    """Make the table of the database cache where it is missing; it has no model, so no migration would."""
    call_command("createcachetable", database=using, verbosity=0)
