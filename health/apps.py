from __future__ import annotations

from django.apps import AppConfig


class HealthConfig(AppConfig):
    name = "health"
    verbose_name = "Health"

    def ready(self) -> None:
        from config.jobs.draining import Queue, register
        from contacts.news import register_listener
        from health import panels, refreshing, relations
        from health.models import HealthRun

        register(Queue(HealthRun.QUEUE, HealthRun, refreshing.run))
        register_listener(refreshing.follow_facts)
        relations.register()
        panels.register()
