from __future__ import annotations

from django.conf import settings
from django.db import models

from contacts.models.owned import OwnedModel


class ComputedModel(OwnedModel):
    """What a run writes about a contact, an organization or a deal, for the owner of it.

    The owner has no foreign key in the database: the subject has one, and so has its owner. Looking for the same user
    once more for every row took a twelfth of a run.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )

    class Meta:
        abstract = True
