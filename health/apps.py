from __future__ import annotations

from django.apps import AppConfig


class HealthConfig(AppConfig):
    name = "health"
    verbose_name = "Health"

    def ready(self) -> None:
        from config.jobs.draining import Queue, register
        from health import refreshing, relations
        from health.models import HealthRun

        register(Queue(HealthRun.QUEUE, HealthRun, refreshing.run))
        relations.register()
