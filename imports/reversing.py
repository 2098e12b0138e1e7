"""SQL that compares what an import wrote with what is there now, and takes it back: set-based, for one chunk of rows.

Only what nobody touched since is taken back: a value counts as touched when it is not what the import wrote.
"""

from __future__ import annotations

from contacts.models import (
    Contact,
    ContactAddress,
    ContactEmail,
    ContactLink,
    ContactPhone,
    ContactPicture,
    ExternalIdentity,
    Organization,
    Tag,
)
from imports.creating import ROWS, TAGGINGS
from imports.identities import OF_ACCOUNT
from imports.models import ImportRow
from imports.reasons import Reason
from imports.updating import TEXTS
from media_store.models import PhotoJob

CONTACTS = Contact._meta.db_table
ORGANIZATIONS = Organization._meta.db_table
PICTURES = ContactPicture._meta.db_table
PHOTOS = PhotoJob._meta.db_table

CHUNK = "row.job_id = %(job)s and row.position between %(first)s and %(last)s and row.undo = ''"
TO_ERASE = f"{CHUNK} and row.outcome = '{ImportRow.Outcome.CREATED}'"
TO_RETURN = f"{CHUNK} and row.outcome = '{ImportRow.Outcome.UPDATED}'"
IS_MERGED = "coalesce(row.before ? 'merged', false)"

# table, columns of text, columns of truth values
CHILDREN: dict[str, tuple[str, list[str], list[str]]] = {
    "emails": (ContactEmail._meta.db_table, ["address", "normalized", "label"], ["is_primary"]),
    "phones": (ContactPhone._meta.db_table, ["raw", "e164", "label"], ["is_primary"]),
    "addresses": (
        ContactAddress._meta.db_table,
        ["label", "street", "city", "region", "postal_code", "country"],
        [],
    ),
    "links": (ContactLink._meta.db_table, ["kind", "value", "label"], []),
}

# Whoever adds to one of these contacts, by hand or by a sync, waits until the chunk is committed: a new row locks its
# contact. One order for all, so that two cannot wait for each other.
LOCK = f"""
    select contact.id from {CONTACTS} contact
    where contact.owner_id = %(owner)s and contact.id in (
        select row.contact_id from {ROWS} row where {CHUNK} and row.outcome in ('created', 'updated')
    )
    order by contact.id for update
"""


def _entries(kind: str, source: str) -> str:
    """Return a FROM item of the entries of one kind in a JSON column, and their values without nulls."""
    _, texts, flags = CHILDREN[kind]
    columns = ", ".join([f"{name} text" for name in texts] + [f"{name} boolean" for name in flags])
    return f"jsonb_to_recordset({source}->'{kind}') as entry({columns})"


def _values(kind: str, row: str) -> str:
    _, texts, flags = CHILDREN[kind]
    values = [f"coalesce({row}.{name}, '')" for name in texts] + [f"coalesce({row}.{name}, false)" for name in flags]
    return f"jsonb_build_array({', '.join(values)})"


def _same_children(kind: str) -> str:
    """Return a condition: the contact has exactly the entries of this kind that the row wrote."""
    table = CHILDREN[kind][0]
    now = f"select jsonb_agg(value order by value) from (select {_values(kind, 'child')} as value from {table} child"
    written = f"select jsonb_agg(value order by value) from (select {_values(kind, 'entry')} as value"
    return f"""
        ({now} where child.contact_id = contact.id) now)
        is not distinct from ({written} from {_entries(kind, "row.parsed")}) written)
    """


SAME_TEXTS = " and ".join(f"contact.{name} = coalesce(row.parsed->>'{name}', '')" for name in TEXTS)
SAME_FIELDS = f"""
    {SAME_TEXTS}
    and contact.extra = coalesce(row.parsed->'extra', '{{}}') and contact.locked_fields = '[]'
    and contact.archived_at is null
    and coalesce(organization.name, '') = coalesce(row.parsed->>'organization', '')
"""
SAME_TAGS = f"""
    (select jsonb_agg(tag.name order by tag.name) from {TAGGINGS} tagging join {Tag._meta.db_table} tag
        on tag.id = tagging.tag_id where tagging.contact_id = contact.id)
    is not distinct from (select jsonb_agg(name order by name)
                          from jsonb_array_elements_text(row.parsed->'tags') as entry(name))
"""
NO_OTHER_IDENTITY = f"""
    not exists (select 1 from {ExternalIdentity._meta.db_table} identity
                where identity.contact_id = contact.id and not (
                    identity.source = %(source)s and {OF_ACCOUNT}
                    and identity.external_id = row.external_id))
"""
IS_OWN_PICTURE = f"""
    picture.source = %(source)s and not picture.pinned and not picture.blocked and exists (
        select 1 from {PHOTOS} photo
        where photo.id = picture.photo_job_id and row.photo in (photo.source_url, photo.source_ref))
"""
NO_OTHER_PICTURE = f"""
    not exists (select 1 from {PICTURES} picture where picture.contact_id = contact.id and not ({IS_OWN_PICTURE}))
"""
LATER_IMPORT = f"""
    exists (select 1 from {ROWS} later
            where later.contact_id = row.contact_id and later.job_id <> row.job_id
              and later.outcome = '{ImportRow.Outcome.UPDATED}' and later.undo <> '{ImportRow.Undo.REVERSED}')
"""

# Row, contact and why it stays; an empty reason for what may go.
CREATED = f"""
    select row.id, row.contact_id, case
        when contact.id is null then '{Reason.ALREADY_GONE}'
        when {IS_MERGED} then '{Reason.MERGED}'
        when not ({NO_OTHER_PICTURE}) then '{Reason.PICTURE_CHOSEN}'
        when {SAME_FIELDS} and {" and ".join(map(_same_children, CHILDREN))} and {SAME_TAGS} and {NO_OTHER_IDENTITY}
            then ''
        when {LATER_IMPORT} then '{Reason.LATER_IMPORT}'
        else '{Reason.EDITED}' end
    from {ROWS} row
    left join {CONTACTS} contact on contact.id = row.contact_id and contact.owner_id = %(owner)s
    left join {ORGANIZATIONS} organization on organization.id = contact.organization_id
    where {TO_ERASE}
"""

NOW = ", ".join(f"'{name}', contact.{name}" for name in TEXTS)

# Row, contact, reason, the fields as {old, new} that were written, their values now, and the locked ones.
UPDATED = f"""
    select row.id, row.contact_id, case
        when contact.id is null then '{Reason.ALREADY_GONE}'
        when {IS_MERGED} then '{Reason.MERGED}'
        when {LATER_IMPORT} then '{Reason.LATER_IMPORT}'
        else '{Reason.EDITED}' end,
        (row.before->'fields')::text,
        jsonb_build_object({NOW}, 'extra', contact.extra, 'organization', coalesce(organization.name, ''))::text,
        contact.locked_fields::text
    from {ROWS} row
    left join {CONTACTS} contact on contact.id = row.contact_id and contact.owner_id = %(owner)s
    left join {ORGANIZATIONS} organization on organization.id = contact.organization_id
    where {TO_RETURN}
"""

RETURN_FIELDS = f"""
    update {CONTACTS} contact
    set {", ".join(f"{name} = coalesce(returned.fields->>'{name}', contact.{name})" for name in TEXTS)},
        extra = coalesce(returned.fields->'extra', contact.extra),
        organization_id = case when returned.fields ? 'organization' then organization.id
                               else contact.organization_id end,
        updated_at = statement_timestamp()
    from unnest(%(contacts)s::uuid[], %(fields)s::jsonb[]) as returned(contact_id, fields)
    left join {ORGANIZATIONS} organization
         on organization.owner_id = %(owner)s and organization.name = returned.fields->>'organization'
    where contact.id = returned.contact_id and contact.owner_id = %(owner)s
"""


def _removal(table: str, kind: str, is_same: str) -> str:
    """Return a delete of the rows of one kind that were added and are unchanged; it gives back whose are not."""
    return f"""
        with added as materialized (
            select row.id as row_id, row.contact_id, row.changes, row.etag, entry.value::bigint as child_id
            from {ROWS} row, jsonb_array_elements_text(row.before->'added'->'{kind}') as entry(value)
            where {TO_RETURN} and not {IS_MERGED}
        ), removed as (
            delete from {table} child using added
            where child.id = added.child_id and child.contact_id = added.contact_id and {is_same}
            returning child.id
        )
        select distinct added.row_id
        from added
        join {table} child on child.id = added.child_id and child.contact_id = added.contact_id
        left join removed on removed.id = child.id
        where removed.id is null
    """


REMOVALS = [
    *(
        _removal(
            table,
            kind,
            f"exists (select 1 from {_entries(kind, 'added.changes')} "
            f"where {_values(kind, 'entry')} = {_values(kind, 'child')})",
        )
        for kind, (table, _, _) in CHILDREN.items()
    ),
    _removal(
        ExternalIdentity._meta.db_table,
        "identities",
        "child.source = %(source)s and child.external_id = added.changes->>'identity'",
    ),
    _removal(TAGGINGS, "tags", "true"),
]

# Row, picture, photo job, where the picture came from before (null: there was none), and whether it still is ours.
CHANGED_PICTURES = f"""
    select row.id, picture.photo_job_id, (row.before->'photo')::text, {IS_OWN_PICTURE}
    from {ROWS} row
    join {PICTURES} picture on picture.contact_id = row.contact_id and picture.source = %(source)s
    where {TO_RETURN} and not {IS_MERGED} and row.changes ? 'photo'
    order by picture.photo_job_id
"""

MARK = f"""
    update {ROWS} row set undo = marked.undo, undo_reason = marked.reason
    from unnest(%(rows)s::bigint[], %(undo)s::text[], %(reasons)s::text[]) as marked(id, undo, reason)
    where row.id = marked.id
"""

MARK_ERRORED = f"""
    update {ROWS} row set undo = '{ImportRow.Undo.ERRORED}', undo_reason = '{Reason.DATABASE_ERROR}', error = %(error)s
    where {CHUNK} and row.outcome in ('created', 'updated')
"""

COUNT = f"""
    select row.undo, count(*) from {ROWS} row
    where row.job_id = %(job)s and row.position between %(first)s and %(last)s and row.undo <> '' group by 1
"""

DELETE_CONTACTS = f"delete from {CONTACTS} where id = any(%s) and owner_id = %s"
