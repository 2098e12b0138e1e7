"""Calendars: meetings with contacts, planned, held, moved and cancelled; from Google and Microsoft."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from django.conf import settings
from django.utils import timezone

from config.jobs.draining import Budget
from config.jobs.failures import PermanentFailure
from config.jobs.settling import Settlement
from contacts.recording import record_meetings
from imports.accounts.sessions import api_session
from imports.models import ProviderAccount, SyncRun
from imports.sync.events import known_cursor, own_addresses, run_pages
from imports.sync.google_calendar import GoogleCalendar
from imports.sync.graph_calendar import GraphCalendar

FIRST_WINDOW = timedelta(days=30)

SOURCES: dict[str, tuple[type[GoogleCalendar | GraphCalendar], str]] = {
    ProviderAccount.Provider.GOOGLE: (GoogleCalendar, "GOOGLE_CALENDAR_URL"),
    ProviderAccount.Provider.MICROSOFT: (GraphCalendar, "MICROSOFT_GRAPH_URL"),
}


def sync_calendar(run: SyncRun, budget: Budget) -> list[Settlement]:
    """Do one run of a calendar; for imports.sync.running."""
    if run.account is None or run.account.provider not in SOURCES:
        raise PermanentFailure("This account has no calendar that can be read.", code="no_calendar")
    make, address = SOURCES[run.account.provider]
    now = timezone.now()
    with api_session(run.account, base_url=getattr(settings, address)) as session:
        source = make(
            session,
            since=run.since or now - FIRST_WINDOW,
            known=known_cursor(run),
            own=own_addresses(run.owner_id),
            now=now,
        )
        return run_pages(run, budget, source=source, record=partial(record_meetings, run.owner_id, source=make.name))
