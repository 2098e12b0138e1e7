from __future__ import annotations

from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models


class OwnedQuerySet(models.QuerySet):  # type: ignore[type-arg]
    """Rows that belong to one user."""

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Return the rows that `user` may see: their own, or all for a superuser."""
        if getattr(user, "is_superuser", False):
            return self
        return self.filter(owner_id=user.pk)


class OwnedModel(models.Model):
    """A row that belongs to one user; everything that shows rows to people filters by `visible_to`.

    The owner has no index of its own: a subclass declares one that begins with it and serves its list or match query.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        abstract = True
