"""The weekly look at the sources of pictures: what has not changed costs one small answer."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from media_store.models import FailedAddress
from media_store.photos import enqueue_recheck

FORGOTTEN_AFTER = timedelta(days=7)


def recheck_photos() -> int:
    """Queue the pictures that are due for a look and forget old failures; return how many were queued."""
    now = timezone.now()
    FailedAddress.objects.filter(until__lt=now - FORGOTTEN_AFTER).delete()
    return enqueue_recheck(now=now)
