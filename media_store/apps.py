from __future__ import annotations

from django.apps import AppConfig


class MediaStoreConfig(AppConfig):
    name = "media_store"
    verbose_name = "Media store"

    def ready(self) -> None:
        from config.jobs.draining import Queue, register
        from media_store.models import Part, PartImage, PhotoJob
        from media_store.moving import register_destination
        from media_store.part_pictures import PartPictures
        from media_store.pipeline import batch_size, run_photo_jobs
        from media_store.sources import read_stored, register_source
        from media_store.usage import register_holder

        register_source(PhotoJob.SourceKind.STORED, read_stored)
        register(Queue(PhotoJob.QUEUE, PhotoJob, run_photo_jobs, batch_size=batch_size))
        register_destination(PartPictures())
        register_holder(
            "parts",
            all=Part.objects.all,
            with_picture=lambda: Part.objects.filter(pk__in=PartImage.objects.values("part")),
        )
