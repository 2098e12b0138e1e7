"""What the clock and other apps may ask of health."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from config.jobs.draining import Drained, drain
from contacts.activity import active_owners
from contacts.models import Deal, DealStage
from health import calculating, profiles
from health.answers import answer_of
from health.models import DealHealth, HealthRun
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
    """Ask for a run for each active owner whose contacts or deals have facts newer than their score; return how many.

    Whoever writes facts without telling (contacts.news) is found here.
    """
    owners = list(active_owners(now=now).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(OWNERS_WITH_NEWS, {"since": now - RECENT, "owners": owners})
        found = {row[0] for row in cursor.fetchall()}
    found.update(owner_id for owner_id in owners if owner_id not in found and _has_news_of_deals(owner_id, now=now))
    for owner_id in sorted(found):
        request_run(owner_id=owner_id, max_age_hours=FACTS_ONLY_HOURS, triggered_by="facts")
    return len(found)


def _has_news_of_deals(owner_id: int, *, now: datetime) -> bool:
    """Say whether a deal entered a stage, changed or closed since its score: deals need no contact to be due."""
    is_open = Q(deal__status=Deal.Status.ACTIVE, deal__stage__outcome=DealStage.Outcome.OPEN)
    if DealHealth.objects.filter(~is_open, owner_id=owner_id).exists():
        return True
    max_age = timedelta(hours=FACTS_ONLY_HOURS)
    known = calculating.parameters(profiles.load(), "deal", owner_id=owner_id, now=now, max_age=max_age)
    with transaction.atomic():
        return bool(calculating.due_ranges("deal", known))
