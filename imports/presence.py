"""Who is there at a provider, and who no longer is: noted at the identities, never carried out.

A deletion there deletes nothing here. The identity is marked, the contact page and a filter show it, and the mark goes
when the person is listed again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

from contacts.models import Contact, ExternalIdentity
from imports.identities import OF_ACCOUNT
from imports.models import ImportJob, ImportRow
from imports.reasons import Reason

IDENTITIES = ExternalIdentity._meta.db_table
ROWS = ImportRow._meta.db_table
SKIP = ImportRow.Decision.SKIP

OWN = f"identity.owner_id = %(owner)s and identity.source = %(source)s and {OF_ACCOUNT}"
GONE = f"row.job_id = %(job)s and row.reason = '{Reason.GONE_AT_SOURCE}'"
THERE = f"row.job_id = %(job)s and row.reason not in ('{Reason.GONE_AT_SOURCE}', '{Reason.LISTED_AGAIN}')"

# Two former ids may have become one: then one of our two contacts gets it.
RENAME = f"""
    update {IDENTITIES} identity set external_id = renamed.present
    from (
        select distinct on (present) former, present
        from unnest(%(former)s::text[], %(present)s::text[]) as renamed(former, present)
        where exists (select 1 from {IDENTITIES} identity where {OWN} and identity.external_id = former)
        order by present, former
    ) renamed
    where {OWN} and identity.external_id = renamed.former and not exists (
        select 1 from {IDENTITIES} other
        where other.owner_id = identity.owner_id and other.source = identity.source
          and other.account_key = identity.account_key and other.external_id = renamed.present
    )
"""

# A page that came twice, a contact that moved to another folder: being there wins over being gone, later over earlier.
SUPERSEDE = f"""
    with listed as (
        select id, row_number() over (
            partition by external_id order by reason = '{Reason.GONE_AT_SOURCE}', position desc
        ) as place
        from {ROWS} row where row.job_id = %(job)s and row.external_id <> ''
    )
    update {ROWS} row set decision = '{SKIP}', reason = '{Reason.LISTED_AGAIN}'
    from listed where listed.id = row.id and listed.place > 1
"""

# After all have been listed, those who were not are gone too; each gets a row, so that the preview shows them.
MISSING = f"""
    insert into {ROWS} (job_id, position, external_id, decision, reason)
    select %(job)s, %(total)s + row_number() over (order by identity.id), identity.external_id, '{SKIP}',
           '{Reason.GONE_AT_SOURCE}'
    from {IDENTITIES} identity
    where {OWN} and identity.gone_at is null and identity.external_id like any(%(patterns)s) and not exists (
        select 1 from {ROWS} row where row.job_id = %(job)s and row.external_id = identity.external_id
    )
"""

MARK = f"""
    update {IDENTITIES} identity set gone_at = coalesce(identity.gone_at, statement_timestamp())
    from {ROWS} row where {GONE} and {OWN} and identity.external_id = row.external_id
"""

UNMARK = f"""
    update {IDENTITIES} identity set gone_at = null
    from {ROWS} row
    where {OWN} and identity.gone_at is not null and {THERE} and identity.external_id = row.external_id
"""

# Rows of those who are gone name the contact that stays.
NAME = f"""
    update {ROWS} row
    set contact_id = contact.id,
        parsed = jsonb_build_object('display_name', contact.display_name, 'sort_name', contact.sort_name)
    from {IDENTITIES} identity join {Contact._meta.db_table} contact on contact.id = identity.contact_id
    where {GONE} and {OWN} and identity.external_id = row.external_id
"""


def rename(job: ImportJob, renamed: Mapping[str, str]) -> None:
    """Let the identities of the job's account follow to their present ids; in the caller's transaction."""
    if renamed:
        _execute(RENAME, job, former=list(renamed), present=list(renamed.values()))


def note_presence(job: ImportJob, *, prefixes: Sequence[str]) -> int:
    """Note who is gone and who is there again, once all pages are saved; return how many rows the job has now.

    `prefixes` say how the identities begin of which everybody was listed; none when only changes were.
    """
    _execute(SUPERSEDE, job)
    total = job.total
    if prefixes:
        patterns = [prefix.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_") + "%" for prefix in prefixes]
        total += _execute(MISSING, job, total=total, patterns=patterns)
    for statement in (UNMARK, MARK, NAME):
        _execute(statement, job)
    return total


def _execute(statement: str, job: ImportJob, **parameters: Any) -> int:
    own: dict[str, Any] = {"job": job.pk, "owner": job.owner_id, "source": job.provider, "account": job.account_id}
    with connection.cursor() as cursor:
        cursor.execute(statement, {**own, **parameters})
        return int(cursor.rowcount)
