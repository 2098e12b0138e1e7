from __future__ import annotations

from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "imports"
    verbose_name = "Imports"

    def ready(self) -> None:
        from django.db.models import Q

        from config.jobs.draining import Queue, register
        from contacts.registries import register_origins
        from imports import provenance, relations
        from imports.models import ImportJob, ImportRow, SyncRun
        from imports.running import run_import_jobs
        from imports.sync.running import run_sync_jobs
        from media_store.references import register_reference

        register(Queue("imports", ImportJob, run_import_jobs))
        register(Queue("sync", SyncRun, run_sync_jobs))
        relations.register()
        register_origins(provenance.origins)
        register_reference(ImportRow, "photo", condition=Q(photo__startswith="o"))
