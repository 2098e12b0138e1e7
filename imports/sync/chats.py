"""Chats of a Beeper: the list of them, then the messages of those that have new ones.

A run goes through these phases, and is killed and taken up again between any two pages of them:

older      through all chats, from the most recently active to the oldest; every six hours, and the first time
newer      what has become active since the place where the last run ended
messages   of the chats whose last activity is not the one that was read; which they are is asked of the database

Then chats that the source no longer names are marked, and photo jobs queued for pictures that are not cached.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from config.jobs.draining import Budget
from config.jobs.failures import CursorFailure, PermanentFailure, PermissionFailure, TemporaryFailure
from config.jobs.leases import fenced
from config.jobs.settling import Settlement, completed, progressed, settle
from contacts.chats.caching import Scope, enqueue_pictures
from contacts.chats.matching import match_chats
from contacts.chats.recording import record_messages
from contacts.chats.writing import mark_gone, write_chats
from contacts.models import Chat
from imports.accounts.holding import needs_reconnect
from imports.beeper.client import ApiPage, Client
from imports.beeper.connecting import CannotConnect, accounts_to_sync
from imports.beeper.connection import connection_of
from imports.models import ProviderAccount, SyncRun
from imports.sync.asking import CannotSync
from imports.sync.chat_pages import chats_of_page, messages_of_chats

ALL_AGAIN_AFTER = timedelta(hours=6)
CHATS_AT_ONCE = 40
RESTARTS_MOST = 3

Errors = Counter[str]


@dataclass(frozen=True)
class Place:
    """How far a run has come; `SyncRun.cursor` holds it as JSON."""

    phase: str
    cursor: str = ""
    newest: str = ""
    began_at: str = ""
    restarts: int = 0

    def moved(self, **changes: Any) -> Place:
        return Place(**{**asdict(self), **changes})


def sync_chats(run: SyncRun, budget: Budget) -> list[Settlement]:
    """Do one run, as far as the budget allows; for imports.sync.running."""
    account = run.account
    if account is None or account.provider != ProviderAccount.Provider.BEEPER:
        raise PermanentFailure("Only a Beeper has chats.", code="no_chats")
    try:
        with Client(connection_of(account)) as client:
            return _Sync(run, account, client).go(budget)
    except PermissionFailure as failure:
        needs_reconnect(account.pk, str(failure), version=account.grant_version)
        raise


class _Sync:
    """One claim of one run."""

    def __init__(self, run: SyncRun, account: ProviderAccount, client: Client) -> None:
        self.run, self.account, self.client = run, account, client
        self.phases: dict[str, Callable[[Place], Place]] = {
            "older": self._older,
            "newer": self._newer,
            "messages": self._messages,
        }

    def go(self, budget: Budget) -> list[Settlement]:
        place = Place(**self.run.cursor) if self.run.cursor else self._begin()
        while place.phase in self.phases:
            try:
                place = self.phases[place.phase](place)
            except CursorFailure:
                place = self._restart(place)
            if budget.is_spent():
                return settle([progressed(self.run)])
        return self._end()

    def _begin(self) -> Place:
        """Go on from where the last run ended, or through everything when that was long ago or is not known."""
        now = timezone.now()
        known = self.account.cursors.get("chats") or {}
        read_all_at = _moment(known.get("all_at"))
        is_recent = read_all_at is not None and now - read_all_at < ALL_AGAIN_AFTER
        place = Place("older", began_at=now.isoformat())
        if known.get("newest") and is_recent and self.run.since is None:
            place = Place("newer", cursor=known["newest"], newest=known["newest"])
        with fenced(self.run):
            if self.run.since is not None:
                self._chats().update(read_activity=None, read_until=None)
            self._save(place)
        return place

    def _restart(self, place: Place) -> Place:
        if place.restarts >= RESTARTS_MOST:
            raise TemporaryFailure("Beeper's list of chats cannot be read to its end.", code="bad_cursor")
        again = Place("older", began_at=timezone.now().isoformat(), restarts=place.restarts + 1)
        with fenced(self.run):
            self._save(again)
        return again

    # --- The list of chats --------------------------------------------------------------------------------------------
    def _older(self, place: Place) -> Place:
        page = self.client.chats(cursor=place.cursor)
        newest = place.newest or page.newer or ""
        is_last = not page.has_more or not page.older or page.older == place.cursor
        following = place.moved(newest=newest, cursor=page.older or "")
        if is_last:
            # What became active meanwhile has left its place in the list, perhaps before we came there.
            following = place.moved(phase="newer" if newest else "messages", newest=newest, cursor=newest)
        self._write_page(page, following)
        return following

    def _newer(self, place: Place) -> Place:
        page = self.client.chats(cursor=place.cursor, direction="after")
        newest = page.newer or place.cursor
        is_last = not page.has_more or newest == place.cursor
        following = place.moved(
            newest=newest, cursor="" if is_last else newest, phase="messages" if is_last else "newer"
        )
        self._write_page(page, following)
        return following

    def _write_page(self, page: ApiPage, following: Place) -> None:
        errors: Errors = Counter()
        chats = chats_of_page(self.client, page.items, account=self.account, errors=errors)
        with fenced(self.run):
            if chats:
                write_chats(self.account.owner_id, self.account.pk, chats, now=timezone.now())
            self._save(following, seen=len(chats), errors=errors)
            if following.phase == "messages":
                self._list_is_read(following)

    def _list_is_read(self, place: Place) -> None:
        """Keep where the list ended for the next run, mark what is gone, and find the contacts."""
        known = dict(self.account.cursors.get("chats") or {})
        if place.newest:
            known["newest"] = place.newest
        if began_at := _moment(place.began_at):
            known["all_at"] = place.began_at
            mark_gone(self.account.owner_id, self.account.pk, not_seen_since=began_at, now=timezone.now())
        locked = ProviderAccount.objects.select_for_update().get(pk=self.account.pk)
        locked.cursors = {**locked.cursors, "chats": known}
        locked.save(update_fields=["cursors"])
        matched = match_chats(self.account.owner_id, self.account.pk)
        SyncRun.objects.filter(pk=self.run.pk).update(contacts_matched=matched)

    # --- Their messages -----------------------------------------------------------------------------------------------
    def _messages(self, place: Place) -> Place:
        floor = self._floor()
        chats = list(self._due(floor).order_by("-last_activity", "pk").defer("picture_url")[:CHATS_AT_ONCE])
        if not chats:
            following = place.moved(phase="pictures")
            with fenced(self.run):
                self._chats().filter(last_activity__lt=floor).update(read_activity=F("last_activity"))
                self._save(following)
            return following
        errors: Errors = Counter()
        found = messages_of_chats(self.client.connection, chats, floor=floor, errors=errors)
        with fenced(self.run):
            written = record_messages(self.account.owner_id, found)
            for chat in chats:
                chat.read_activity = chat.last_activity
                newest = [message.sent_at for message in found.get(chat.pk, [])]
                chat.read_until = max([*newest, *([chat.read_until] if chat.read_until else [])], default=None)
            Chat.objects.bulk_update(chats, ["read_activity", "read_until"])
            self._save(place, written=written, errors=errors)
        return place

    def _due(self, floor: datetime) -> Any:
        """Return the chats with messages that were not read; a chat that was never read counts from `floor` on."""
        chats = self._chats().filter(gone_at=None, last_activity__gte=floor)
        return chats.exclude(read_activity=F("last_activity"), read_activity__isnull=False)

    def _floor(self) -> datetime:
        return self.run.since or timezone.now() - timedelta(days=settings.CHAT_WINDOW_DAYS)

    # --- The end ------------------------------------------------------------------------------------------------------
    def _end(self) -> list[Settlement]:
        with fenced(self.run):
            ProviderAccount.objects.filter(pk=self.account.pk).update(last_error="")
            settled = settle([completed(self.run)])
        enqueue_pictures(Scope(self.account.owner_id, self.account.pk), now=timezone.now())
        return settled

    def _chats(self) -> Any:
        return Chat.objects.filter(owner_id=self.account.owner_id, account_key=self.account.pk)

    def _save(self, place: Place, *, seen: int = 0, written: int = 0, errors: Errors | None = None) -> None:
        """Write how far the run has come, in the transaction of what it has done."""
        known = Counter({error["reason"]: error["count"] for error in self.run.errors}) + (errors or Counter())
        self.run.errors = [{"reason": reason, "count": count} for reason, count in sorted(known.items())]
        self.run.cursor = asdict(place)
        SyncRun.objects.filter(pk=self.run.pk).update(
            cursor=self.run.cursor,
            errors=self.run.errors,
            seen=F("seen") + seen,
            written=F("written") + written,
            attempts=1,
            crashes=0,
        )


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None


def accounts_of(owner_id: int | None, now: datetime) -> list[ProviderAccount]:
    """Return the Beepers that are read, for imports.sync.asking."""
    try:
        return accounts_to_sync(owner_id=owner_id, now=now)
    except CannotConnect as problem:
        raise CannotSync(str(problem)) from problem


def figures(runs: Sequence[SyncRun]) -> dict[str, int]:
    """Return what an answer says of these runs."""
    return {
        "chatsSynced": sum(run.seen for run in runs),
        "messagesRecorded": sum(run.written for run in runs),
        "chatsWithContacts": sum(run.contacts_matched for run in runs),
    }
