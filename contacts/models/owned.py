from __future__ import annotations

from django.conf import settings
from django.db import models

from config.ownership import OwnedQuerySet


class OwnedModel(models.Model):
    """A row that belongs to one user; everything that shows rows to people filters by `visible_to`.

    The owner has no index of its own: a subclass declares one that begins with it and serves its list or match query.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        abstract = True
