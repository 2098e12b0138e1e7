from __future__ import annotations

from django.db import models

from contacts.models.contact import Contact
from contacts.models.owned import OwnedModel
from media_store.models import PhotoJob


class ContactPicture(OwnedModel):
    """One picture of a contact from one source; `contacts.pictures` chooses which of them is shown."""

    class Source(models.TextChoices):
        UPLOAD = "upload", "Upload"
        GOOGLE = "google", "Google"
        MICROSOFT = "microsoft", "Microsoft"
        VCARD = "vcard", "vCard"
        CSV = "csv", "CSV"
        BEEPER = "beeper", "Beeper"

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="pictures", db_index=False)
    source = models.CharField(max_length=16, choices=Source.choices)
    photo_job = models.OneToOneField(PhotoJob, models.CASCADE, related_name="contact_picture")
    source_url = models.TextField(blank=True, default="", db_default="")
    pinned = models.BooleanField(default=False, db_default=False)
    blocked = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "source"], name="contactpicture_once_per_source")]
        indexes = [models.Index(fields=["owner"], name="contactpicture_owner")]

    def __str__(self) -> str:
        return f"{self.get_source_display()} picture of {self.contact_id}"
