from __future__ import annotations

from media_store.models.blob import BLOB_LIMIT, Blob, StoredFile, StoredFileQuerySet
from media_store.models.host import FailedAddress, PhotoHost
from media_store.models.move import MediaMove
from media_store.models.part import Part, PartImage
from media_store.models.photo import PhotoJob
from media_store.models.video import PartVideo, SupportVideo

__all__ = [
    "BLOB_LIMIT",
    "Blob",
    "FailedAddress",
    "MediaMove",
    "Part",
    "PartImage",
    "PartVideo",
    "PhotoHost",
    "PhotoJob",
    "StoredFile",
    "StoredFileQuerySet",
    "SupportVideo",
]
