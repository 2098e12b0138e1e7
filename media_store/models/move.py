from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class MediaMove(models.Model):
    """One picture that `import_media` brought in: the journal by which it goes on after a kill, and goes back.

    copied -> switched -> undone;  both files stay in the store while the row exists.
    """

    class State(models.TextChoices):
        COPIED = "copied", "Copied, not in use yet"
        SWITCHED = "switched", "In use"
        UNDONE = "undone", "Undone"

    folder = models.CharField(max_length=40)
    key = models.CharField(max_length=255, help_text="Whose picture it is, as below the folder.")
    source_sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State.choices, default=State.COPIED)
    new_file = models.FileField(max_length=255)
    old_file = models.FileField(max_length=255, blank=True, default="", db_default="")
    row_id = models.CharField(max_length=64, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["folder", "key"], name="mediamove_place")]

    def __str__(self) -> str:
        return f"{self.folder}/{self.key}"
