"""Mail from any mail server, by IMAP: the header fields of the inbox and of what was sent.

The library imap-tools speaks the protocol: `pip install kith[imap]`; `make setup` brings it along.
"""

from __future__ import annotations

import imaplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from django.conf import settings

from config.jobs.failures import PermanentFailure, PermissionFailure, TemporaryFailure
from contacts.recording import Message
from imports.accounts import holding
from imports.models import ProviderAccount
from imports.sync.headers import fields_of, read_all
from imports.sync.pages import Cursor, Page
from media_store.addresses import is_allowed
from media_store.transport import Deadline, DeadlinePassed, resolve

if TYPE_CHECKING:
    from imap_tools import BaseMailBox

PAGE = 200
SECONDS, STEP_SECONDS, LOOKUP_SECONDS = 300.0, 30.0, 10.0
MAX_LITERAL = 8_000_000
INBOX = "INBOX"
# Servers that do not mark the folder (RFC 6154) call it so.
SENT_NAMES = ("Sent", "Sent Items", "Sent Messages", "Gesendet", "Envoyés", "Enviados", "INBOX.Sent")


class ImapMail:
    """The mailbox of one account since `since`, or what came after the UIDs of an earlier run.

    A folder whose UIDVALIDITY has changed is read again from `since`; what is known already is not written twice.
    """

    name = "mail"

    def __init__(
        self, account: ProviderAccount, *, since: datetime, known: Cursor, own: frozenset[str], now: datetime
    ) -> None:
        self.account, self.since, self.known, self.own, self.now = account, since, known, own, now

    def pages(self, cursor: Cursor) -> Iterator[Page[Message]]:
        try:
            yield from self._pages(cursor)
        except PermissionFailure as refusal:
            holding.needs_reconnect(self.account.pk, str(refusal))
            raise

    def _pages(self, cursor: Cursor) -> Iterator[Page[Message]]:
        done: Cursor = dict(cursor.get("done", {}))
        with opened(self.account) as mailbox:
            folders = _folders(mailbox)
            for folder in [name for name in folders if name not in done]:
                validity, last, uids = self._new_uids(mailbox, folder, cursor.get("here", {}))
                for at in range(0, len(uids), PAGE):
                    part = uids[at : at + PAGE]
                    here = {folder: {"validity": validity, "uid": part[-1]}}
                    yield self._page(mailbox, part, {"done": done, "here": here})
                done[folder] = {"validity": validity, "uid": max([last, *uids])}
        yield Page([], {"done": done}, 0, account_cursor=done)

    def _new_uids(self, mailbox: BaseMailBox, folder: str, here: Cursor) -> tuple[int, int, list[int]]:
        """Return the folder's UIDVALIDITY, the last UID that was read, and those that were not, in order."""
        mailbox.folder.set(folder, readonly=True)
        validity = int(mailbox.folder.status(folder, ["UIDVALIDITY"])["UIDVALIDITY"])
        place = here.get(folder) or {}
        last = place["uid"] if place.get("validity") == validity else self._last(folder, validity)
        # A range that ends with * always holds the last message, also one that is known.
        criteria = f"UID {last + 1}:*" if self._last(folder, validity) else f"SINCE {self.since:%d-%b-%Y}"
        return validity, last, sorted(uid for uid in map(int, mailbox.uids(criteria)) if uid > last)

    def _last(self, folder: str, validity: int) -> int:
        known = self.known.get(folder) or {}
        return int(known["uid"]) if known.get("validity") == validity else 0

    def _page(self, mailbox: BaseMailBox, uids: list[int], cursor: Cursor) -> Page[Message]:
        found = mailbox.fetch(uid_list=[str(uid) for uid in uids], headers_only=True, mark_seen=False, bulk=True)
        read = read_all((fields_of(message.obj.items()) for message in found), own=self.own, now=self.now)
        recent = [message for message in read.messages if message.sent_at >= self.since or self.known]
        return Page(recent, cursor, len(uids), read.left_out)


@contextmanager
def opened(account: ProviderAccount) -> Iterator[BaseMailBox]:
    """Sign in, and sign out at the end; every failure becomes one of config.jobs.failures."""
    try:
        from imap_tools import MailboxLoginError
        from imap_tools.errors import ImapToolsError
    except ImportError:
        raise PermanentFailure(
            "Mail servers need the library imap-tools: pip install kith[imap].", code="no_imap"
        ) from None
    try:
        with Deadline(SECONDS) as deadline:
            mailbox = _mailbox(_place_of(account), deadline)
            try:
                tokens = account.tokens
                yield mailbox.login(tokens["username"], tokens["password"], initial_folder=None)
            finally:
                _sign_out(mailbox)
    except MailboxLoginError:
        message = f"{account.server} refuses the name or the password of {account.address}."
        raise PermissionFailure(message, code="needs_reconnect") from None
    except ssl.SSLError:
        raise TemporaryFailure(f"{account.server} has no valid certificate.", code="tls_error") from None
    except (OSError, DeadlinePassed, imaplib.IMAP4.error, ImapToolsError, UnicodeError) as error:
        message = f"The mail server {account.server} cannot be read ({type(error).__name__})."
        raise TemporaryFailure(message, code="connection_failed") from None


@dataclass(frozen=True)
class _Place:
    """Where to connect. Without TLS only to a server on this machine that the settings name."""

    host: str
    port: int
    address: str
    is_plain: bool


def _place_of(account: ProviderAccount) -> _Place:
    """Resolve once and return the address to connect to; refuses networks that are not public unless named."""
    host, _, port = account.server.rpartition(":")
    addresses = resolve(host.strip("[]"), int(port), seconds=LOOKUP_SECONDS)
    is_named = account.server in settings.IMAP_ALLOWED_HOSTS
    if not is_named and not all(is_allowed(address) for address in addresses):
        message = f"{host} leads to a network that is not public; IMAP_ALLOWED_HOSTS can name {account.server}."
        raise PermanentFailure(message, code="unsafe")
    is_plain = is_named and all(ip_address(address.partition("%")[0]).is_loopback for address in addresses)
    return _Place(host.strip("[]"), int(port), addresses[0], is_plain)


def _mailbox(place: _Place, deadline: Deadline) -> BaseMailBox:
    from imap_tools import BaseMailBox

    class Guarded(BaseMailBox):
        def _get_mailbox_client(self) -> imaplib.IMAP4:
            return _PlainClient(place, deadline) if place.is_plain else _TLSClient(place, deadline)

    return Guarded()


def _sign_out(mailbox: BaseMailBox) -> None:
    try:
        mailbox.client.logout()
    except (OSError, imaplib.IMAP4.error):
        return  # the server was faster, or is gone


class _PlainClient(imaplib.IMAP4):
    """Connects to the address that was checked, and takes no more in one piece than it should."""

    def __init__(self, place: _Place, deadline: Deadline) -> None:
        self.place, self.deadline = place, deadline
        super().__init__(place.host, place.port, timeout=STEP_SECONDS)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        connected = socket.create_connection((self.place.address, self.place.port), timeout)
        self.deadline.watch(connected)
        return connected

    def read(self, size: int) -> bytes:
        if size > MAX_LITERAL:
            raise self.abort("a piece of the answer is too large")
        return super().read(size)


class _TLSClient(_PlainClient):
    def _create_socket(self, timeout: float | None) -> Any:
        connected = super()._create_socket(timeout)
        return ssl.create_default_context().wrap_socket(connected, server_hostname=self.place.host)


def _folders(mailbox: BaseMailBox) -> list[str]:
    """Return the inbox, and the folder of what was sent where there is one."""
    found = mailbox.folder.list()
    marked = [folder.name for folder in found if "\\Sent" in folder.flags]
    named = [folder.name for folder in found if folder.name in SENT_NAMES]
    return [INBOX, *(marked or named)[:1]]
