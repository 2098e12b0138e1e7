"""Whose telephone numbers without a prefix belong to which country."""

from __future__ import annotations

from django.conf import settings

from contacts.models import UserProfile


def phone_region(user_id: int | None) -> str:
    """Return the country of numbers without a prefix, in two letters: the user's own, else the site's."""
    region = UserProfile.objects.filter(user_id=user_id or 0).values_list("phone_region", flat=True).first()
    return region or str(settings.DEFAULT_PHONE_REGION)
