"""Storages that fail as real ones do."""

from __future__ import annotations

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage


class UnreadableStorage(FileSystemStorage):
    """A folder that may be written and listed, and whose files may not be read: root may read any real one."""

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        raise PermissionError(13, "Permission denied")
