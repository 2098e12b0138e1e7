"""Which accounts' mail and meetings are read, and what is said of the runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from contacts.activity import active_owners
from imports.models import ProviderAccount, SyncRun
from imports.sync import calendar, mail
from imports.sync.asking import Asking, ask


def accounts_reading(
    switch: str, providers: Collection[str]
) -> Callable[[int | None, datetime], Sequence[ProviderAccount]]:
    """Return how to find the accounts of `providers` whose `switch` is on: of one owner, or of all active ones.

    Disconnected ones are none of them. One that must be reconnected is: its run waits and says so.
    """

    def accounts(owner_id: int | None, now: datetime) -> Sequence[ProviderAccount]:
        found = ProviderAccount.objects.filter(**{switch: True}, provider__in=providers)
        found = found.exclude(state=ProviderAccount.State.DISCONNECTED).order_by("owner_id", "pk")
        if owner_id is not None:
            return list(found.filter(owner_id=owner_id))
        return list(found.filter(owner__in=active_owners(now=now)))

    return accounts


def _mail_figures(runs: Sequence[SyncRun]) -> dict[str, Any]:
    return {
        "emailsSynced": sum(run.written for run in runs),
        "contactsWithEmails": sum(run.contacts_matched for run in runs),
    }


def _calendar_figures(runs: Sequence[SyncRun]) -> dict[str, Any]:
    return {
        "meetingsSynced": sum(run.written for run in runs),
        "contactsWithMeetings": sum(run.contacts_matched for run in runs),
    }


MAIL = Asking(accounts_reading("is_mail_synced", mail.READABLE), _mail_figures)
CALENDAR = Asking(accounts_reading("is_calendar_synced", calendar.SOURCES), _calendar_figures)


def sync_mailboxes(*, now: datetime, triggered_by: str = "schedule") -> list[SyncRun]:
    """Queue the runs of all active owners' mail and calendars; return those of the mail."""
    ask(SyncRun.Kind.CALENDAR, now=now, triggered_by=triggered_by)
    return ask(SyncRun.Kind.MAIL, now=now, triggered_by=triggered_by)
