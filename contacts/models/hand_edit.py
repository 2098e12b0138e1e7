from __future__ import annotations

from django.db import models

from contacts.models.contact import Contact
from contacts.models.owned import OwnedModel


class HandEdit(OwnedModel):
    """When a person last wrote one field of a contact, or one row that hangs on it, in the admin."""

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="hand_edits", db_index=False)
    field = models.CharField(max_length=30, help_text="A field of the contact, or the name of the relation.")
    row_id = models.BigIntegerField(default=0, db_default=0, help_text="The row of the relation; 0 for a field.")
    edited_by = models.CharField(max_length=150, blank=True, default="", db_default="")
    edited_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "field", "row_id"], name="handedit_once")]

    def __str__(self) -> str:
        return f"{self.field} on {self.edited_at:%Y-%m-%d}"
