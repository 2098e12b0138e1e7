"""Mail: who wrote to whom and when; from Gmail, Microsoft, a mail server or a mail file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from config.jobs.draining import Budget
from config.jobs.failures import PermanentFailure
from config.jobs.settling import Settlement
from contacts.recording import Message, record_messages
from imports.accounts.sessions import api_session
from imports.models import ProviderAccount, SyncRun
from imports.sync.events import known_cursor, own_addresses, run_pages
from imports.sync.gmail import Gmail
from imports.sync.graph_mail import GraphMail
from imports.sync.headers import read_all
from imports.sync.imap import ImapMail
from imports.sync.mbox import Entry, NotMbox, read_mbox
from imports.sync.pages import Cursor, Page, Source

# One name for all of them: a message that reaches the owner by two ways is the same message.
SOURCE = "mail"
PAGE = 500

SOURCES: dict[str, tuple[type[Gmail | GraphMail], str]] = {
    ProviderAccount.Provider.GOOGLE: (Gmail, "GMAIL_URL"),
    ProviderAccount.Provider.MICROSOFT: (GraphMail, "MICROSOFT_GRAPH_URL"),
}
READABLE = (*SOURCES, ProviderAccount.Provider.IMAP)


def sync_mail(run: SyncRun, budget: Budget) -> list[Settlement]:
    """Do one run of mail; for imports.sync.running."""
    own, now = own_addresses(run.owner_id), timezone.now()
    record = partial(record_messages, run.owner_id, source=SOURCE, limit=settings.MAIL_MAX_PER_DAY)
    with _source_of(run, own=own, now=now) as source:
        settled = run_pages(run, budget, source=source, record=record)
    if run.account is None and any(settlement.state == SyncRun.State.COMPLETED for settlement in settled):
        _drop_file(run)
    return settled


@contextmanager
def _source_of(run: SyncRun, *, own: frozenset[str], now: datetime) -> Iterator[Source[Message]]:
    account = run.account
    if account is None:
        yield MailFile(str(run.upload), own=own, now=now, since=run.since)
        return
    since, known = run.since or now - timedelta(hours=settings.MAIL_WINDOW_HOURS), known_cursor(run)
    if account.provider == ProviderAccount.Provider.IMAP:
        yield ImapMail(account, since=since, known=known, own=own, now=now)
        return
    if account.provider not in SOURCES:
        raise PermanentFailure(f"{account} has no mail that can be read.", code="no_mail")
    make, address = SOURCES[account.provider]
    with api_session(account, base_url=getattr(settings, address)) as session:
        yield make(session, since=since, known=known, own=own, now=now)


def _drop_file(run: SyncRun) -> None:
    """Let the file go once it has been read: it holds the text of all the mail."""
    with transaction.atomic():
        SyncRun.objects.filter(pk=run.pk).update(upload="")
        default_storage.delete(str(run.upload))


class MailFile:
    """A stored mbox file; the cursor is the byte at which the next message begins."""

    name = SOURCE

    def __init__(self, path: str, *, own: frozenset[str], now: datetime, since: datetime | None) -> None:
        self.path, self.own, self.now, self.since = path, own, now, since

    def pages(self, cursor: Cursor) -> Iterator[Page[Message]]:
        with default_storage.open(self.path) as file:
            page: list[Entry] = []
            try:
                for entry in read_mbox(file, offset=cursor.get("offset", 0)):
                    page.append(entry)
                    if len(page) == PAGE:
                        yield self._page(page)
                        page = []
            except NotMbox as error:
                raise PermanentFailure(str(error), code="not_mbox") from None
            if page:
                yield self._page(page)

    def _page(self, entries: list[Entry]) -> Page[Message]:
        read = read_all((entry.fields for entry in entries), own=self.own, now=self.now)
        wanted = [message for message in read.messages if self.since is None or message.sent_at >= self.since]
        return Page(wanted, {"offset": entries[-1].next_offset}, len(entries), read.left_out)
