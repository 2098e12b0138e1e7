"""What the home page says about relationships: who goes cold, what is due, whose birthday comes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from health import cold, reminders
from health.models import Alert

SHOWN = 5


def summary(*, owner_id: int, now: datetime) -> dict[str, Any]:
    """Return the first few of each for one owner; `today` is that of the time zone which is active."""
    today = timezone.localdate(now)
    alerts = Alert.objects.filter(owner_id=owner_id, state=Alert.State.ACTIVE)
    return {
        "cold": list(cold.going_cold(owner_id=owner_id, now=now).select_related("contact")[:SHOWN]),
        "follow_ups": list(reminders.due_reminders(owner_id=owner_id, today=today)[:SHOWN]),
        "birthdays": reminders.birthdays_ahead(owner_id=owner_id, today=today)[:SHOWN],
        "alerts": list(alerts.select_related("rule", "contact", "deal")[:SHOWN]),
        "today": today,
    }
