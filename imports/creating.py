"""SQL that makes contacts of the rows planned as `create`, one statement for each table and chunk.

The import rows hold the ids that the contacts get, so that a chunk that is repeated after a crash makes no second
contact: its transaction either happened or did not.
"""

from __future__ import annotations

from contacts.models import (
    Contact,
    ContactAddress,
    ContactEmail,
    ContactLink,
    ContactPhone,
    ExternalIdentity,
    Organization,
    Tag,
)
from imports.models import ImportRow, MadeByImport

ROWS = ImportRow._meta.db_table
TAGGINGS = Contact.tags.through._meta.db_table

# Some rows may be executed later than the others (imports.deciding): then only these are looked at.
NOW = "(%(positions)s::integer[] is null or row.position = any(%(positions)s::integer[]))"
CHUNK = "row.job_id = %(job)s and row.position between %(first)s and %(last)s and row.selected and row.outcome = ''"
TO_CREATE = f"{CHUNK} and row.decision = 'create'"


# The planner expects a handful of rows and would compare each with every organization or tag of the owner: a subquery
# makes it look them up one by one.
def organization_id(name: str) -> str:
    """Return an expression for the id of the owner's organization of this name, or null."""
    return f"(select id from {Organization._meta.db_table} where owner_id = %(owner)s and name = {name})"


TAG_OF_ENTRY = (
    f"lateral (select id from {Tag._meta.db_table} where owner_id = %(owner)s and name = entry.name limit 1) tag"
)


def _making(table: str, kind: str, names: str) -> str:
    """Return an insert of the names that the owner has not yet; what was made is noted, so that it can be undone."""
    # Names in one order, so that two imports of one owner cannot wait for each other in a circle.
    return f"""
        with made as (
            insert into {table} (owner_id, name)
            select distinct %(owner)s::bigint, name from ({names}) named where name <> '' order by name
            on conflict do nothing returning id
        )
        insert into {MadeByImport._meta.db_table} (job_id, kind, made_id)
        select %(job)s, '{kind}', id from made
    """


ORGANIZATIONS = _making(
    Organization._meta.db_table,
    MadeByImport.Kind.ORGANIZATION,
    f"""
        select row.parsed->>'organization' as name from {ROWS} row where {TO_CREATE}
        union all
        select row.changes->'fields'->'organization'->>'new' from {ROWS} row where {CHUNK} and row.decision = 'update'
    """,
)

TAGS = _making(
    Tag._meta.db_table,
    MadeByImport.Kind.TAG,
    f"""
        select jsonb_array_elements_text(row.parsed->'tags') as name from {ROWS} row where {TO_CREATE}
        union all
        select jsonb_array_elements_text(row.changes->'tags') from {ROWS} row where {CHUNK} and row.decision = 'update'
    """,
)

CONTACTS = f"""
    insert into {Contact._meta.db_table} (
        id, owner_id, display_name, given_name, family_name, nickname, sort_name, organization_id, title, department,
        birthday, notes, extra, created_at, updated_at
    )
    select row.contact_id, %(owner)s, parsed->>'display_name', coalesce(parsed->>'given_name', ''),
           coalesce(parsed->>'family_name', ''), coalesce(parsed->>'nickname', ''), parsed->>'sort_name',
           {organization_id("parsed->>'organization'")},
           coalesce(parsed->>'title', ''), coalesce(parsed->>'department', ''), coalesce(parsed->>'birthday', ''),
           coalesce(parsed->>'notes', ''), coalesce(parsed->'extra', '{{}}'),
           statement_timestamp(), statement_timestamp()
    from {ROWS} row
    where {TO_CREATE}
"""

EMAILS = f"""
    insert into {ContactEmail._meta.db_table} (owner_id, contact_id, address, normalized, label, is_primary)
    select %(owner)s, row.contact_id, entry.address, coalesce(normalized, ''), coalesce(label, ''),
           coalesce(is_primary, false)
    from {ROWS} row, jsonb_to_recordset(row.parsed->'emails')
         as entry(address text, normalized text, label text, is_primary boolean)
    where {TO_CREATE}
"""

PHONES = f"""
    insert into {ContactPhone._meta.db_table} (owner_id, contact_id, raw, e164, label, is_primary)
    select %(owner)s, row.contact_id, entry.raw, coalesce(e164, ''), coalesce(label, ''), coalesce(is_primary, false)
    from {ROWS} row, jsonb_to_recordset(row.parsed->'phones')
         as entry(raw text, e164 text, label text, is_primary boolean)
    where {TO_CREATE}
"""

ADDRESSES = f"""
    insert into {ContactAddress._meta.db_table}
        (owner_id, contact_id, label, street, city, region, postal_code, country)
    select %(owner)s, row.contact_id, coalesce(label, ''), coalesce(street, ''), coalesce(city, ''),
           coalesce(region, ''), coalesce(postal_code, ''), coalesce(country, '')
    from {ROWS} row, jsonb_to_recordset(row.parsed->'addresses')
         as entry(label text, street text, city text, region text, postal_code text, country text)
    where {TO_CREATE}
"""

LINKS = f"""
    insert into {ContactLink._meta.db_table} (owner_id, contact_id, kind, value, label)
    select %(owner)s, row.contact_id, kind, value, coalesce(label, '')
    from {ROWS} row, jsonb_to_recordset(row.parsed->'links') as entry(kind text, value text, label text)
    where {TO_CREATE}
"""

IDENTITIES = f"""
    insert into {ExternalIdentity._meta.db_table} (owner_id, contact_id, source, account_key, external_id, etag)
    select %(owner)s, row.contact_id, %(source)s, %(account)s::uuid, row.external_id, row.etag
    from {ROWS} row
    where {TO_CREATE} and row.external_id <> ''
"""

TAGGED = f"""
    insert into {TAGGINGS} (contact_id, tag_id)
    select row.contact_id, tag.id
    from {ROWS} row, jsonb_array_elements_text(row.parsed->'tags') as entry(name), {TAG_OF_ENTRY}
    where {TO_CREATE}
"""

CREATED = f"update {ROWS} row set outcome = '{ImportRow.Outcome.CREATED}' where {TO_CREATE}"

# In this order, each with the condition under which a row has something for it: most books have no use for some of
# these, and even looking costs. Organizations and tags come first, as the updates of the chunk need them, too.
STATEMENTS = {
    ORGANIZATIONS: "row.parsed ? 'organization'",
    TAGS: "row.parsed ? 'tags'",
    CONTACTS: "row.decision = 'create'",
    EMAILS: "row.parsed ? 'emails'",
    PHONES: "row.parsed ? 'phones'",
    ADDRESSES: "row.parsed ? 'addresses'",
    LINKS: "row.parsed ? 'links'",
    IDENTITIES: "row.external_id <> ''",
    TAGGED: "row.parsed ? 'tags'",
    CREATED: "row.decision = 'create'",
}
