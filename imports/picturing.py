"""SQL that queues the pictures of a chunk: a photo job and a ContactPicture for each, in the chunk's transaction."""

from __future__ import annotations

from contacts.models import ContactPicture
from imports.creating import NOW, ROWS
from imports.models import ImportRow
from media_store.models import PhotoJob

PICTURES = ContactPicture._meta.db_table
PHOTOS = PhotoJob._meta.db_table

DONE = f"""
    row.job_id = %(job)s and row.position between %(first)s and %(last)s and row.photo <> '' and {NOW} and (
        row.outcome = '{ImportRow.Outcome.CREATED}'
        or (row.outcome = '{ImportRow.Outcome.UPDATED}' and row.changes ? 'photo')
    )
"""
IS_URL = "photo ~* '^https?://'"
# What only a registered kind of source can read says which: `<kind>:…`. Names of stored files have no colon.
KIND = f"""
    case when {IS_URL} then '{PhotoJob.SourceKind.URL}' when photo ~ '^[a-z]+:' then split_part(photo, ':', 1)
         else '{PhotoJob.SourceKind.STORED}' end
"""
SOURCE = f"""
    {KIND},
    case when {IS_URL} then photo else '' end,
    case when {IS_URL} then '' else photo end
"""

NEW = f"""
    with wanted as materialized (
        select row.contact_id, row.photo, nextval(pg_get_serial_sequence('{PHOTOS}', 'id')) as photo_job_id
        from {ROWS} row
        where {DONE} and (row.outcome = '{ImportRow.Outcome.CREATED}' or not exists (
            select 1 from {PICTURES} picture where picture.contact_id = row.contact_id and picture.source = %(source)s
        ))
    ), queued as (
        insert into {PHOTOS} (id, owner_id, state, priority, source_kind, source_url, source_ref, path_hint)
        select photo_job_id, %(owner)s, '{PhotoJob.State.PENDING}', %(priority)s, {SOURCE}, 'contacts' from wanted
    )
    insert into {PICTURES} (owner_id, contact_id, source, photo_job_id, source_url)
    select %(owner)s, contact_id, %(source)s, photo_job_id, case when {IS_URL} then photo else '' end from wanted
"""

# The last good picture stays until the new one is stored; a download in progress loses its lease. Where the picture
# came from until now is kept for undoing.
REPLACED = f"""
    with replaced as (
        update {PICTURES} picture set source_url = case when {IS_URL} then row.photo else '' end
        from {ROWS} row, {PHOTOS} old
        where {DONE} and row.outcome = '{ImportRow.Outcome.UPDATED}' and old.id = picture.photo_job_id
          and picture.contact_id = row.contact_id and picture.source = %(source)s and not picture.blocked
        returning picture.photo_job_id, row.id as row_id, row.photo,
                  jsonb_build_array(old.source_kind, old.source_url, old.source_ref) as old_source
    ), queued as (
        update {PHOTOS} job
        set (source_kind, source_url, source_ref) = (select {SOURCE}),
            state = '{PhotoJob.State.PENDING}', next_attempt_at = statement_timestamp(), attempts = 0, crashes = 0,
            etag = '', last_modified = '', held_reason = '', resume_state = '', last_error = '', error_code = '',
            finished_at = null, lease_token = null, lease_until = null
        from replaced where job.id = replaced.photo_job_id
    )
    update {ROWS} row set before = row.before || jsonb_build_object('photo', replaced.old_source)
    from replaced where row.id = replaced.row_id
"""

# Replaced ones first: then every picture that NEW finds was there before this chunk, or is settled.
STATEMENTS = (REPLACED, NEW)
