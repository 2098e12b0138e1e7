"""Last step of an import: do exactly what the plan says, set-based, a few thousand rows in a transaction."""

from __future__ import annotations

from typing import Any

import structlog
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import F
from django.db.utils import DataError, IntegrityError

from config.jobs.bell import ring
from config.jobs.draining import Budget
from config.jobs.leases import fenced
from config.jobs.models import Priority
from config.jobs.settling import Settlement, completed, progressed, settle
from contacts.chats.matching import match_chats
from contacts.models import Contact, ContactEmail, ContactPhone, ExternalIdentity
from imports import creating, cursors, picturing, updating
from imports.creating import CHUNK, NOW, ROWS, TO_CREATE
from imports.identities import OF_ACCOUNT
from imports.models import ImportJob, ImportRow
from imports.reasons import Reason
from imports.turns import let_others_go, must_wait_to_write, waiting

log = structlog.get_logger(__name__)

Outcome = ImportRow.Outcome

CHUNK_ROWS = 5_000
COUNTERS = (Outcome.CREATED, Outcome.UPDATED, Outcome.UNCHANGED, Outcome.SKIPPED, Outcome.INVALID, Outcome.FAILED)

# Rows that need no contact to be written.
REMAINING = f"""
    update {ROWS} row
    set outcome = case
            when row.decision = 'invalid' then '{Outcome.INVALID}'
            when row.decision = 'unchanged' and row.selected then '{Outcome.UNCHANGED}'
            else '{Outcome.SKIPPED}' end,
        reason = case when row.decision in ('create', 'update', 'unchanged') and not row.selected
            then '{Reason.DESELECTED}' else row.reason end
    where row.job_id = %(job)s and row.position between %(first)s and %(last)s and row.outcome = ''
      and (row.decision not in ('create', 'update') or not row.selected)
"""

# Somebody who was unknown to the plan may have come since, by another import or by hand.
NEWCOMERS = f"""
    select contact.id from {Contact._meta.db_table} contact
    where contact.owner_id = %(owner)s and contact.updated_at > %(planned_at)s and not exists (
        select 1 from {ROWS} own where own.job_id = %(job)s and own.contact_id = contact.id
    )
"""

STALE = f"""
    with newcomer as materialized ({NEWCOMERS}
    ), stale as (
        select row.id
        from newcomer
        join {ExternalIdentity._meta.db_table} identity
             on identity.contact_id = newcomer.id and identity.source = %(source)s and {OF_ACCOUNT}
        join {ROWS} row on row.external_id = identity.external_id
        where {TO_CREATE}
        union
        select row.id
        from newcomer
        join {ContactEmail._meta.db_table} email on email.contact_id = newcomer.id and email.normalized <> ''
        join (
            select row.id, entry.normalized
            from {ROWS} row, jsonb_to_recordset(row.parsed->'emails') as entry(normalized text)
            where {TO_CREATE}
        ) row on row.normalized = email.normalized
        union
        select row.id
        from newcomer
        join {ContactPhone._meta.db_table} phone on phone.contact_id = newcomer.id and phone.e164 <> ''
        join (
            select row.id, entry.e164
            from {ROWS} row, jsonb_to_recordset(row.parsed->'phones') as entry(e164 text)
            where {TO_CREATE}
        ) row on row.e164 = phone.e164
    )
    update {ROWS} row set outcome = '{Outcome.FAILED}', reason = '{Reason.CHANGED_SINCE}', error = %(changed_since)s
    from stale where row.id = stale.id
"""

STATEMENTS: dict[str, str] = {
    **creating.STATEMENTS,
    **updating.STATEMENTS,
    REMAINING: "row.decision not in ('create', 'update') or not row.selected",
    **dict.fromkeys(picturing.STATEMENTS, "row.photo <> ''"),
}
"""The statements of a chunk in their order, each with the condition of the rows that it is for."""

NEEDED = f"""
    select {", ".join(f"coalesce(bool_or({condition}), false)" for condition in STATEMENTS.values())}
    from {ROWS} row
    where row.job_id = %(job)s and row.position between %(first)s and %(last)s and row.outcome = ''
"""

COUNT = f"""
    select row.outcome, count(*) from {ROWS} row
    where row.job_id = %(job)s and row.position between %(first)s and %(last)s and {NOW} group by 1
"""

FAIL_ROW = f"""
    update {ROWS} row set outcome = '{Outcome.FAILED}', reason = '{Reason.DATABASE_ERROR}', error = %(error)s
    where {CHUNK}
"""


def execute(job: ImportJob, budget: Budget) -> list[Settlement]:
    """Carry out the plan from the job's cursor on; each chunk commits contacts, photo jobs, outcomes and counters."""
    if must_wait_to_write(job):
        return settle([waiting(job)])
    done = job.cursor.get("position", 0)
    with fenced(job):
        _refuse_newcomers(job, first=done + 1)
    while done < job.total:
        last = min(done + CHUNK_ROWS, job.total)
        with fenced(job):
            _find_rows(job, first=done + 1, last=last)
            _run_chunk(job, first=done + 1, last=last)
            _save_counters(job, first=done + 1, last=last)
        done = last
        if budget.is_spent() and done < job.total:
            return settle([progressed(job)])
    with fenced(job):
        ImportJob.objects.filter(pk=job.pk).update(cursor={}, processed=job.total)
        cursors.advance(job)
        if job.provider == ImportJob.Provider.BEEPER and job.account_id:
            match_chats(job.owner_id, job.account_id)
        let_others_go(job)
        return settle([completed(job)])


def _find_rows(job: ImportJob, *, first: int, last: int) -> None:
    """When only some rows of an import that has ended are to be executed, find those of this chunk."""
    if not job.cursor.get("is_later"):
        return
    rows = ImportRow.objects.filter(job=job, position__gte=first, position__lte=last, outcome="")
    job.cursor["positions"] = list(rows.values_list("position", flat=True))


def _refuse_newcomers(job: ImportJob, *, first: int) -> None:
    """Fail the rows to create for whom there is a contact by now that the plan did not know of."""
    parameters = {**_parameters(job, first=first, last=job.total), "planned_at": job.planned_at}
    with connection.cursor() as cursor:
        cursor.execute(f"{NEWCOMERS} limit 1", parameters)
        if cursor.fetchone():
            cursor.execute(STALE, parameters)


def _parameters(job: ImportJob, *, first: int, last: int) -> dict[str, Any]:
    return {
        "job": job.pk,
        "owner": job.owner_id,
        "source": job.provider,
        "account": job.account_id,
        "first": first,
        "last": last,
        "priority": Priority.NORMAL,
        "changed_since": Reason.CHANGED_SINCE.sentence,
        "positions": job.cursor.get("positions"),
    }


def _run_chunk(job: ImportJob, *, first: int, last: int) -> None:
    """Execute these rows; when the database refuses some of their values, halve until only those rows have failed."""
    try:
        with transaction.atomic():
            _run_statements(job, first=first, last=last)
    except (IntegrityError, DataError) as error:
        if first == last:
            _fail_row(job, position=first, error=error)
            return
        middle = (first + last) // 2
        _run_chunk(job, first=first, last=middle)
        _run_chunk(job, first=middle + 1, last=last)


def _run_statements(job: ImportJob, *, first: int, last: int) -> None:
    parameters = _parameters(job, first=first, last=last)
    with connection.cursor() as cursor:
        # A chunk is few rows of what may be many, in tables that have grown since anyone counted them: the index it is.
        cursor.execute("set local enable_seqscan = off")
        queued = 0
        for statement in _needed(cursor, parameters):
            cursor.execute(statement, parameters)
            queued += cursor.rowcount if statement in picturing.STATEMENTS else 0
        # Foreign keys are checked at the commit unless asked for: a refusal has to come while we can narrow it down.
        cursor.execute("set constraints all immediate")
        cursor.execute("set constraints all deferred")
    if queued:
        ImportJob.objects.filter(pk=job.pk).update(photos_queued=F("photos_queued") + queued)
        ring("photos")


def _needed(cursor: CursorWrapper, parameters: dict[str, Any]) -> list[str]:
    """Return the statements that any row of the chunk needs."""
    cursor.execute(NEEDED, parameters)
    return [statement for statement, is_needed in zip(STATEMENTS, cursor.fetchone(), strict=True) if is_needed]


def _fail_row(job: ImportJob, *, position: int, error: Exception) -> None:
    log.warning("import_row_refused", job=job.pk, position=position, error=type(error).__name__)
    message = f"{Reason.DATABASE_ERROR.sentence} {str(error).splitlines()[0]}"
    with connection.cursor() as cursor:
        cursor.execute(FAIL_ROW, {**_parameters(job, first=position, last=position), "error": message[:500]})


def _save_counters(job: ImportJob, *, first: int, last: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(COUNT, _parameters(job, first=first, last=last))
        counts = dict(cursor.fetchall())
    is_later = {"is_later": True} if job.cursor.get("is_later") else {}
    ImportJob.objects.filter(pk=job.pk).update(
        cursor={**is_later, "position": last},
        processed=last,
        crashes=0,
        **{str(outcome): F(str(outcome)) + counts.get(outcome, 0) for outcome in COUNTERS},
    )
