"""What imports hold of somebody who is erased, beside the rows that made or changed the contact.

The uploaded file of an import cannot lose one entry, so it goes as a whole from every import that has been read and
held the person; counts, rows and the way back (undo) stay. So do imports that are still being read: what they bring is
a later decision of their owner's.
"""

from __future__ import annotations

from django.core.files.storage import default_storage
from django.db import connection

from contacts.models import Contact, ContactEmail, ContactPhone, ExternalIdentity
from contacts.registries import Erased, Trace, register_trace
from imports.models import ImportJob, ImportRow
from imports.relations import empty, rows_of

ROWS, JOBS = ImportRow._meta.db_table, ImportJob._meta.db_table

AT_REST = ("ready", *sorted(ImportJob.FINAL_STATES))
UNREAD = ("pending", "fetching")

# Rows that became nobody and name the person by a key of theirs: left out, failed, invalid, or of an import that was
# cancelled. A row that belongs to somebody else stays, although two share an address.
STRAYS = f"""
    with key as materialized (
        select 'emails' as kind, normalized as value from {ContactEmail._meta.db_table}
        where contact_id = any(%(contacts)s) and normalized <> ''
        union select 'phones', e164 from {ContactPhone._meta.db_table}
        where contact_id = any(%(contacts)s) and e164 <> ''
    )
    select row.id, row.job_id
    from {ROWS} row join {JOBS} job on job.id = row.job_id
    where job.owner_id = any(%(owners)s) and job.state = any(%(at_rest)s)
      and (
        exists (
            select 1 from {ExternalIdentity._meta.db_table} identity
            where identity.contact_id = any(%(contacts)s) and identity.source = job.provider
              and identity.external_id = row.external_id
        )
        or exists (
            select 1 from key where row.parsed->'emails' @> jsonb_build_array(jsonb_build_object('normalized', value))
        )
        or exists (
            select 1 from key where row.parsed->'phones' @> jsonb_build_array(jsonb_build_object('e164', value))
        )
        or (row.parsed = '{{}}' and exists (select 1 from key where strpos(lower(row.raw), lower(value)) > 0))
      )
      and not exists (select 1 from {Contact._meta.db_table} contact where contact.id = row.contact_id)
"""


def register() -> None:
    """Enter the traces; called from ImportsConfig.ready."""
    # Uploads first: the rows say which imports held the person.
    register_trace(Trace("uploaded files of imports", find=_count_uploads, erase=_erase_uploads))
    register_trace(Trace("rows of imports that became nobody", find=_count_strays, erase=_erase_strays))


def _strays(erased: Erased) -> list[tuple[int, int]]:
    """Return (row, job) of the rows that became nobody and hold a key of these people."""
    with connection.cursor() as cursor:
        lists = {"contacts": erased.contact_ids, "owners": erased.owner_ids, "at_rest": AT_REST}
        cursor.execute(STRAYS, {name: list(values) for name, values in lists.items()})
        return list(cursor.fetchall())


def _jobs(erased: Erased) -> list[ImportJob]:
    """Return the imports that held one of these people and have been read to the end."""
    ids = set(rows_of(erased.contact_ids).values_list("job_id", flat=True)) | {job for _, job in _strays(erased)}
    return list(ImportJob.objects.filter(pk__in=ids).exclude(state__in=UNREAD))


def _count_uploads(erased: Erased) -> int:
    return sum(bool(job.upload) for job in _jobs(erased))


def _erase_uploads(erased: Erased) -> None:
    """Remove the files; an error that speaks of the person goes too, and a name, as that of a file with one card."""
    for job in _jobs(erased):
        if job.upload.name:
            default_storage.delete(job.upload.name)
        job.upload = ""
        is_named_after = job.total == 1 or _speaks_of(job.upload_name, erased)
        job.upload_name = "" if is_named_after else job.upload_name
        job.last_error = "" if _speaks_of(job.last_error, erased) else job.last_error
        job.save(update_fields=["upload", "upload_name", "last_error"])


def _count_strays(erased: Erased) -> int:
    return len(_strays(erased))


def _erase_strays(erased: Erased) -> None:
    empty([row for row, _ in _strays(erased)])


def _speaks_of(text: str, erased: Erased) -> bool:
    """Say whether one of the words is in the text, whatever stands between its letters: files are named ada_example."""
    letters = _letters(text)
    return any((word := _letters(known)) and word in letters for known in erased.words)


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
