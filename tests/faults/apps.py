from __future__ import annotations

from django.apps import AppConfig


class FaultsConfig(AppConfig):
    name = "tests.faults"

    def ready(self) -> None:
        from config.jobs.draining import Queue, register
        from media_store.models import PhotoJob
        from tests.faults import queue

        register(Queue(name="photos", model=PhotoJob, run=queue.run, batch_size=lambda: 5))
