"""The hybrid store: small files in PostgreSQL, large ones in the `files` tier."""

from __future__ import annotations

from django.core.files.storage import Storage
from django.utils.deconstruct import deconstructible


@deconstructible(path="media_store.storage.HybridStorage")
class HybridStorage(Storage):
    """Django storage that keeps files under 512,000 bytes in PostgreSQL and the rest in the `files` tier."""
