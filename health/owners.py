"""Whose scores a run refreshes."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User

from contacts.activity import active_owners
from health.models import HealthRun


def owners_of(run: HealthRun, *, now: datetime) -> list[int]:
    """Return the ids of the users whom `run` is for, in order."""
    if run.owner_id:
        return [run.owner_id]
    owners = User.objects.filter(is_active=True) if run.is_for_everyone else active_owners(now=now)
    return list(owners.order_by("pk").values_list("pk", flat=True))
