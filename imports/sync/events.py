"""The way of every sync of mail and meetings: each page with its events, counters and cursor in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import F

from config.jobs.draining import Budget
from config.jobs.leases import fenced
from config.jobs.settling import Settlement, completed, progressed, settle
from contacts import news
from contacts.models import CommunicationEvent
from contacts.normalizing import normalize_email
from contacts.recording import Recorded, link_answers
from imports.models import ProviderAccount, SyncRun
from imports.sync.pages import Cursor, Item, Page, Source

Record = Callable[[Sequence[Item]], Recorded]

OVER_LIMIT = "over the limit of a day"


def run_pages(run: SyncRun, budget: Budget, *, source: Source[Item], record: Record[Item]) -> list[Settlement]:
    """Take the run as far as the budget allows; each page is recorded once, whatever happens between them."""
    for page in source.pages(run.cursor):
        with fenced(run):
            _save(run, page, record(page.items))
        if budget.is_spent() and page.account_cursor is None:
            return settle([progressed(run)])
    with fenced(run):
        contact_ids = _contacts_of(run, source.name)
        SyncRun.objects.filter(pk=run.pk).update(contacts_matched=len(contact_ids))
        news.tell(run.owner_id, contact_ids)
        return settle([completed(run)])


def own_addresses(owner_id: int) -> frozenset[str]:
    """Return the match keys of the addresses that are the owner's own."""
    accounts = ProviderAccount.objects.filter(owner_id=owner_id).values_list("address", flat=True)
    known = [*accounts, *User.objects.filter(pk=owner_id).values_list("email", flat=True)]
    return frozenset(key for address in known if (key := normalize_email(address)[1]))


def known_cursor(run: SyncRun) -> Cursor:
    """Return where the account's last run of this kind ended; nothing for a sync of the past, or for the first."""
    if run.since is not None or run.account is None:
        return {}
    return dict(run.account.cursors.get(run.kind, {}))


def _save(run: SyncRun, page: Page[Any], recorded: Recorded) -> None:
    link_answers(recorded.contact_ids)
    left_out = page.left_out + Counter({OVER_LIMIT: recorded.left_out} if recorded.left_out else {})
    run.errors, run.cursor = _added(run.errors, left_out), page.cursor
    SyncRun.objects.filter(pk=run.pk).update(
        cursor=run.cursor,
        errors=run.errors,
        seen=F("seen") + page.seen,
        written=F("written") + recorded.events,
        crashes=0,
    )
    if page.account_cursor is not None and run.account_id:
        _move_account(run, page.account_cursor)


def _move_account(run: SyncRun, cursor: Cursor) -> None:
    """Let the account's next sync of this kind begin where this one has come to."""
    account = ProviderAccount.objects.select_for_update().get(pk=run.account_id)
    account.cursors = {**account.cursors, run.kind: cursor}
    account.save(update_fields=["cursors"])


def _added(errors: list[dict[str, Any]], left_out: Counter[str]) -> list[dict[str, Any]]:
    """Return the run's list of {reason, count} with these added."""
    known = Counter({error["reason"]: error["count"] for error in errors}) + left_out
    return [{"reason": reason, "count": count} for reason, count in sorted(known.items())]


def _contacts_of(run: SyncRun, source: str) -> list[UUID]:
    """Return the contacts for whom this run has recorded something."""
    events = CommunicationEvent.objects.filter(owner_id=run.owner_id, source=source, recorded_at__gte=run.started_at)
    return list(events.order_by().values_list("contact_id", flat=True).distinct())
