"""Connect a person's mailbox at a mail server: signed in to once before anything is kept."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction

from config import audit
from config.jobs.failures import JobFailure
from imports.accounts import holding
from imports.models import ProviderAccount
from imports.sync.imap import opened

IMAP = ProviderAccount.Provider.IMAP
State = ProviderAccount.State


class CannotConnect(Exception):
    """The mailbox could not be opened; the message says why in one sentence."""


def connect(
    owner_id: int, *, server: str, address: str, username: str, password: str, now: datetime
) -> ProviderAccount:
    """Sign in to `server` (host:port) and keep the password, sealed; the same mailbox again gets the new password.

    Raises CannotConnect, also for a mailbox that is being connected twice at once: then the first one stays.
    """
    if not settings.FIELD_KEYS:
        raise CannotConnect("Passwords can only be kept with FIELD_KEYS, which `make setup` writes.")
    external_id = f"{server}/{username}"[:255]
    known = ProviderAccount.objects.filter(owner_id=owner_id, provider=IMAP, external_id=external_id).first()
    account = known or ProviderAccount(owner_id=owner_id, provider=IMAP, external_id=external_id, server=server)
    account.address = address
    account.sealed_tokens = account.seal_tokens({"username": username, "password": password})
    try:
        with opened(account):
            pass
    except JobFailure as failure:
        raise CannotConnect(str(failure)) from None
    except OSError:
        raise CannotConnect(f"There is no server at {server}.") from None
    account.state, account.last_error, account.is_mail_synced = State.CONNECTED, "", True
    account.connected_at, account.disconnected_at = now, None
    try:
        with transaction.atomic():
            account.save()
            holding.release(account.pk)
            audit.record(audit.Verb.CONNECTED, ProviderAccount, owner_id=owner_id, object_id=account.pk)
    except IntegrityError:
        raise CannotConnect(f"{username} at {server} has just been connected by another request.") from None
    return account
