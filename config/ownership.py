"""Whose rows are whose: the one rule behind every list, choice and lookup."""

from __future__ import annotations

from typing import Any, Self

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import FieldDoesNotExist
from django.db import models

Viewer = AbstractBaseUser | AnonymousUser
"""Who looks: `request.user`."""


class OwnedQuerySet(models.QuerySet):  # type: ignore[type-arg]
    """Rows that belong to one user."""

    def visible_to(self, user: Viewer) -> Self:
        """Return the rows that `user` may see: their own, or all for a superuser."""
        if getattr(user, "is_superuser", False):
            return self
        return self.filter(owner_id=user.pk)


def choices_for(queryset: models.QuerySet[Any], user: Viewer) -> models.QuerySet[Any]:
    """Return the rows of any model that `user` may be offered in a form or filter.

    Rows without an owner are offered to superusers only: a new model shows nothing until somebody decides whose it is.
    """
    if getattr(user, "is_superuser", False):
        return queryset
    if queryset.model is get_user_model():
        return queryset.filter(pk=user.pk)
    if not has_owner(queryset.model):
        return queryset.none()
    return queryset.filter(owner_id=user.pk)


def has_owner(model: type[models.Model]) -> bool:
    """Say whether rows of `model` name their owner themselves."""
    try:
        model._meta.get_field("owner")
    except FieldDoesNotExist:
        return False
    return True
