"""What the clock and other apps may ask of health."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from config.jobs.draining import Drained, drain
from contacts.activity import active_owners
from health.answers import answer_of
from health.models import HealthRun
from health.refreshing import FACTS_ONLY_HOURS, request_run

DAILY_MAX_AGE_HOURS = 20

# Facts of longer ago were seen by a daily run.
RECENT = timedelta(days=2)

OWNERS_WITH_NEWS = """
    select distinct contact.owner_id from contacts_contact contact
    join health_relationshiphealth health on health.contact_id = contact.id
    where contact.facts_at >= %(since)s and contact.archived_at is null and contact.owner_id = any (%(owners)s)
        and health.facts_seen_at is distinct from contact.facts_at
"""


def refresh_daily() -> Drained:
    """Refresh all active owners; 20 hours, so that a run that begins a little early skips no day."""
    request_run(max_age_hours=DAILY_MAX_AGE_HOURS, triggered_by="schedule")
    return drain(HealthRun.QUEUE)


def refresh_by_cron(*, seconds: float) -> dict[str, Any]:
    """Do what `refresh_daily` does, for at most so long, and answer as the command; workers go on with the rest."""
    run = request_run(max_age_hours=DAILY_MAX_AGE_HOURS, triggered_by="cron")
    drain(HealthRun.QUEUE, seconds=seconds)
    run.refresh_from_db()
    return answer_of(run)


def follow_facts(*, now: datetime) -> int:
    """Ask for a run for each active owner who has contacts with facts newer than their score; return how many.

    Whoever writes facts without telling (contacts.news) is found here.
    """
    owners = list(active_owners(now=now).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(OWNERS_WITH_NEWS, {"since": now - RECENT, "owners": owners})
        found = [row[0] for row in cursor.fetchall()]
    for owner_id in found:
        request_run(owner_id=owner_id, max_age_hours=FACTS_ONLY_HOURS, triggered_by="facts")
    return len(found)
