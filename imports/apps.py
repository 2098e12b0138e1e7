from __future__ import annotations

from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "imports"
    verbose_name = "Imports"

    def ready(self) -> None:
        from config.jobs.draining import Queue, register
        from imports import relations
        from imports.models import ImportJob
        from imports.running import run_import_jobs

        register(Queue("imports", ImportJob, run_import_jobs))
        relations.register()
