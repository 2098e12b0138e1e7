"""Who uses the hub at present: whose mail, meetings and scores are kept up to date."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest


def active_owners(*, now: datetime) -> QuerySet[User]:
    """Return the users who signed in or were seen within ACTIVE_DAYS."""
    since = now - timedelta(days=settings.ACTIVE_DAYS)
    seen = User.objects.filter(is_active=True).annotate(seen_at=Greatest(F("last_login"), F("profile__last_seen_at")))
    return seen.filter(seen_at__gte=since, seen_at__lte=now)
