"""Where the Beeper of one account is, and the tokens that it wants."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.conf import settings

from config.jobs.failures import PermanentFailure, PermissionFailure
from imports.encryption import Unreadable
from imports.models import ProviderAccount

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Connection:
    """`base_url` and `media_server` end without a slash; without a media server Beeper itself serves files."""

    base_url: str
    access_token: str = field(repr=False)
    media_server: str = ""
    media_token: str = field(default="", repr=False)


class AddressRefused(Exception):
    """The address is none that the settings allow; the message says so in one sentence."""


def connection_of(account: ProviderAccount) -> Connection:
    """Return the connection of this account: its own tokens, or those of the settings where it has none.

    Raises PermissionFailure when there is no token, PermanentFailure when it cannot be decrypted.
    """
    try:
        tokens = account.tokens
    except Unreadable as error:
        raise PermanentFailure(f"The token of {account} cannot be read. {error}", code="unreadable_token") from None
    if not tokens:
        return _of_settings()
    try:
        base_url = checked_address(account.server)
        media_server = checked_address(str(tokens.get("media_server", "")))
    except AddressRefused as refusal:
        raise PermanentFailure(str(refusal), code="address_refused") from None
    return Connection(base_url, str(tokens["access_token"]), media_server, str(tokens.get("media_token", "")))


def checked_address(address: str) -> str:
    """Return the address without a final slash if requests may go there; raises AddressRefused.

    Allowed are the servers that the settings name: BEEPER_BASE_URL, BEEPER_MEDIA_SERVER and the host:port pairs of
    PHOTO_ALLOWED_HOSTS. Else any member could make this server ask any other one in its network.
    """
    if not address:
        return ""
    allowed = {pair.lower() for pair in settings.PHOTO_ALLOWED_HOSTS}
    allowed |= {host_and_port(known) for known in (settings.BEEPER_BASE_URL, settings.BEEPER_MEDIA_SERVER) if known}
    try:
        parts = urlsplit(address)
        pair = host_and_port(address)
    except ValueError:
        raise AddressRefused("The address cannot be read.") from None
    if parts.scheme not in PORTS or not parts.hostname or parts.username is not None or parts.query or parts.fragment:
        raise AddressRefused("The address must look like http://192.0.2.10:23373.")
    if pair not in allowed:
        raise AddressRefused(f"{pair} is not among PHOTO_ALLOWED_HOSTS: whoever runs this server must allow it there.")
    return address.rstrip("/")


def host_and_port(address: str) -> str:
    """Return `host:port` of a web address; raises ValueError when it cannot be read."""
    parts = urlsplit(address)
    host = (parts.hostname or "").lower()
    return f"{f'[{host}]' if ':' in host else host}:{parts.port or PORTS.get(parts.scheme, 0)}"


def _of_settings() -> Connection:
    if not settings.BEEPER_ACCESS_TOKEN:
        raise PermissionFailure("There is no token for Beeper: connect it again.", code="no_token")
    return Connection(
        settings.BEEPER_BASE_URL.rstrip("/"),
        settings.BEEPER_ACCESS_TOKEN,
        settings.BEEPER_MEDIA_SERVER.rstrip("/"),
        settings.BEEPER_MEDIA_TOKEN,
    )
