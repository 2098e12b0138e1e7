"""Where the next import of an account begins: moved by an import that is completed, forgotten by one that is undone."""

from __future__ import annotations

from django.db.models.functions import Now

from imports.listing import CONTACTS
from imports.models import ImportJob, ImportRow, ProviderAccount
from imports.reasons import Reason


def advance(job: ImportJob) -> None:
    """Let the account's next import bring what changed since this one; in the transaction that completes it.

    It stays where it was while something was refused because the contact here was changed after the preview: the
    provider would not send that again. What is executed later, row by row, moves nothing.
    """
    if job.account_id is None or job.cursor.get("is_later"):
        return
    ProviderAccount.objects.filter(pk=job.account_id).update(imported_at=Now())
    if not ImportRow.objects.filter(job_id=job.pk, reason=Reason.CHANGED_SINCE).exists():
        _write(job, job.account_cursor)


def forget(job: ImportJob) -> None:
    """Let the account's next import bring everybody; what was undone would not come otherwise."""
    if job.account_id is not None:
        _write(job, {})


def _write(job: ImportJob, cursor: dict[str, object]) -> None:
    """Replace the part of the account's cursors that is about contacts; others belong to mail and calendars."""
    account = ProviderAccount.objects.select_for_update(no_key=True).get(pk=job.account_id)
    account.cursors = {**account.cursors, CONTACTS: cursor}
    account.save(update_fields=["cursors"])
