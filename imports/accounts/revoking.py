"""Take permissions back at their providers: noted with what ends the account here, and tried until it is done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from config.jobs.bell import ring
from config.jobs.draining import Budget
from config.jobs.failures import JobFailure, PermanentFailure
from config.jobs.leases import fenced
from config.jobs.settling import Settlement, completed, failed, settle
from imports.accounts import oauth
from imports.accounts.providers import PROVIDERS
from imports.encryption import Sealed, Unreadable
from imports.models import ProviderAccount, Revocation

KEPT = timedelta(days=30)
SHARED = "shared"
"""The code of one that was left alone: the provider knows one permission for each of its users, who is here again."""

UNREADABLE = "The stored access cannot be decrypted with FIELD_KEYS any more, so it could not be taken back."


def fate(account: ProviderAccount) -> str:
    """Say in a few words what becomes of the account's access when it is deleted."""
    provider = PROVIDERS.get(account.provider)
    if provider is None:
        return "its password or token is erased"
    if provider.revoke_url:
        return f"its access is given back to {provider.label}"
    return f"its access is erased here, and can be removed at {provider.permissions_page}"


def note(account: ProviderAccount) -> Revocation | None:
    """Note, in the transaction that lets go of the account's tokens, that its permission has to be taken back.

    None where nothing can be: an account without tokens, or of a provider that has no address for that.
    """
    provider = PROVIDERS.get(account.provider)
    if provider is None or not provider.revoke_url or not account.sealed_tokens:
        return None
    return Revocation.objects.create(
        owner_id=account.owner_id,
        account_key=account.pk,
        provider=account.provider,
        address=account.address,
        external_id=account.external_id,
        sealed_tokens=account.sealed_tokens,
    )


def note_deleted(*, instance: ProviderAccount, **_signal: Any) -> None:
    """Receive `pre_delete`: it is sent in the transaction of the deletion, also where a user takes accounts along."""
    account = ProviderAccount.objects.select_for_update().filter(pk=instance.pk).first()
    if account is not None and note(account) is not None:
        ring(Revocation.QUEUE)


def run(jobs: Sequence[Revocation], budget: Budget) -> list[Settlement]:
    """Take these permissions back; for config.jobs.draining. A second try of one that is gone is no failure."""
    return [settlement for job in jobs for settlement in _run(job)]


def prune(*, now: datetime) -> int:
    """Delete those that ended 30 days ago; return how many."""
    count, _ = Revocation.objects.filter(state__in=Revocation.FINAL_STATES, finished_at__lt=now - KEPT).delete()
    return count


def _run(job: Revocation) -> list[Settlement]:
    try:
        code = _revoke(job)
    except JobFailure as failure:
        return settle([failed(job, failure)])
    with fenced(job):
        Revocation.objects.filter(pk=job.pk).update(sealed_tokens=Sealed())
        return settle([completed(job, code=code)])


def _revoke(job: Revocation) -> str:
    same = ProviderAccount.objects.filter(provider=job.provider, external_id=job.external_id)
    if same.exclude(state=ProviderAccount.State.DISCONNECTED).exists():
        return SHARED
    try:
        token = job.token
    except Unreadable:
        raise PermanentFailure(UNREADABLE, code="unreadable") from None
    if token:
        oauth.revoke(PROVIDERS[job.provider], token)
    return ""
