from __future__ import annotations

from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "imports"
    verbose_name = "Bringing in"

    def ready(self) -> None:
        from django.db.models import Q
        from django.db.models.signals import pre_delete

        from config.jobs.draining import Queue, register
        from contacts.chats.caching import BEEPER
        from contacts.registries import register_origins
        from imports import checks, erasing, provenance, relations  # noqa: F401 - the checks register themselves
        from imports.accounts import revoking
        from imports.accounts.holding import register_jobs
        from imports.beeper.fetching import fetch_many, waiting_pictures
        from imports.microsoft import photos as microsoft_photos
        from imports.models import ImportJob, ImportRow, ProviderAccount, Revocation, SyncRun
        from imports.running import run_import_jobs
        from imports.sync import chats, mailboxes
        from imports.sync.asking import Asking, register_asking
        from imports.sync.calendar import sync_calendar
        from imports.sync.mail import sync_mail
        from imports.sync.running import register_kind, run_sync_jobs
        from media_store.references import register_reference
        from media_store.sources import register_source

        register(Queue("imports", ImportJob, run_import_jobs))
        register(Queue("sync", SyncRun, run_sync_jobs))
        register(Queue(Revocation.QUEUE, Revocation, revoking.run))
        pre_delete.connect(revoking.note_deleted, sender=ProviderAccount, dispatch_uid="revoke-deleted-account")
        register_kind(SyncRun.Kind.MAIL, sync_mail)
        register_kind(SyncRun.Kind.CALENDAR, sync_calendar)
        register_asking(SyncRun.Kind.MAIL, mailboxes.MAIL)
        register_asking(SyncRun.Kind.CALENDAR, mailboxes.CALENDAR)
        register_kind(SyncRun.Kind.CHATS, chats.sync_chats)
        register_asking(SyncRun.Kind.CHATS, Asking(chats.accounts_of, chats.figures))
        register_source(BEEPER, fetch_many)
        register_source(microsoft_photos.KIND, microsoft_photos.fetch_many, is_uncertain=True)
        register_jobs(microsoft_photos.photo_jobs)
        register_jobs(waiting_pictures)
        relations.register()
        erasing.register()
        register_origins(provenance.origins)
        register_reference(ImportRow, "photo", condition=Q(photo__startswith="o"))
