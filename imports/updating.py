"""SQL that writes the planned changes of the rows planned as `update`: one statement for a chunk, with its journal.

A contact is changed only if it still is what the plan saw: the same `updated_at`, the same values where it replaces
some. The ids of the rows that were added go into `before`, so that the import can be undone.
"""

from __future__ import annotations

from contacts.models import (
    Contact,
    ContactAddress,
    ContactEmail,
    ContactLink,
    ContactPhone,
    ExternalIdentity,
)
from imports.creating import CHUNK, ROWS, TAG_OF_ENTRY, TAGGINGS, organization_id
from imports.models import ImportRow
from imports.reasons import Reason

TEXTS = (
    "display_name",
    "given_name",
    "family_name",
    "nickname",
    "sort_name",
    "title",
    "department",
    "birthday",
    "notes",
)
ASSIGNMENTS = ",\n".join(f"{name} = coalesce(planned.fields->'{name}'->>'new', contact.{name})" for name in TEXTS)
UNTOUCHED = "\n".join(
    f"and (planned.fields->'{name}' is null or planned.fields->'{name}'->>'old' = contact.{name})" for name in TEXTS
)


def _adding(model_table: str, columns: str, values: str, source: str) -> str:
    """Return an insert of what one kind of change adds; it gives back id and contact."""
    return f"""
        insert into {model_table} (owner_id, contact_id, {columns})
        select %(owner)s, touched.contact_id, {values} from touched, {source}
        on conflict do nothing returning id, contact_id
    """


ADDITIONS = {
    "emails": _adding(
        ContactEmail._meta.db_table,
        "address, normalized, label, is_primary",
        "address, coalesce(normalized, ''), coalesce(label, ''), coalesce(is_primary, false)",
        "jsonb_to_recordset(touched.changes->'emails') "
        "as entry(address text, normalized text, label text, is_primary boolean)",
    ),
    "phones": _adding(
        ContactPhone._meta.db_table,
        "raw, e164, label, is_primary",
        "raw, coalesce(e164, ''), coalesce(label, ''), coalesce(is_primary, false)",
        "jsonb_to_recordset(touched.changes->'phones') as entry(raw text, e164 text, label text, is_primary boolean)",
    ),
    "addresses": _adding(
        ContactAddress._meta.db_table,
        "label, street, city, region, postal_code, country",
        "coalesce(label, ''), coalesce(street, ''), coalesce(city, ''), coalesce(region, ''), "
        "coalesce(postal_code, ''), coalesce(country, '')",
        "jsonb_to_recordset(touched.changes->'addresses') "
        "as entry(label text, street text, city text, region text, postal_code text, country text)",
    ),
    "links": _adding(
        ContactLink._meta.db_table,
        "kind, value, label",
        "kind, value, coalesce(label, '')",
        "jsonb_to_recordset(touched.changes->'links') as entry(kind text, value text, label text)",
    ),
    "identities": _adding(
        ExternalIdentity._meta.db_table,
        "source, account_key, external_id, etag",
        "%(source)s, %(account)s::uuid, entry.external_id, touched.etag",
        "lateral (select touched.changes->>'identity' as external_id) entry where entry.external_id is not null",
    ),
    "tags": f"""
        insert into {TAGGINGS} (contact_id, tag_id)
        select touched.contact_id, tag.id
        from touched, jsonb_array_elements_text(touched.changes->'tags') as entry(name), {TAG_OF_ENTRY}
        on conflict do nothing returning id, contact_id
    """,
}

# The planner cannot know how many rows a CTE returns and would join two of them row by row with row. So nothing here
# joins CTEs: what belongs to one contact is brought together by grouping. Of tables that have just been filled it knows
# as little: `+ 0` keeps it from going through all contacts of the owner for each planned row.
UPDATE = f"""
    with touched as (
        update {Contact._meta.db_table} contact
        set {ASSIGNMENTS},
            extra = coalesce(planned.fields->'extra'->'new', contact.extra),
            organization_id = case when planned.fields ? 'organization'
                                   then {organization_id("planned.fields->'organization'->>'new'")}
                                   else contact.organization_id end,
            updated_at = statement_timestamp()
        from (
            select row.id, row.contact_id, row.contact_seen_at, row.etag, row.changes, row.changes->'fields' as fields
            from {ROWS} row
            where {CHUNK} and row.decision = 'update'
        ) planned
        where contact.id = planned.contact_id and contact.owner_id + 0 = %(owner)s
          and contact.updated_at = planned.contact_seen_at
          {UNTOUCHED}
        returning planned.id as row_id, planned.contact_id, planned.etag, planned.changes
    ), {", ".join(f"new_{kind} as ({insert})" for kind, insert in ADDITIONS.items())},
    ids as (
        select contact_id, row_id, null as kind, null::jsonb as ids from touched
        {
    "".join(
        f"union all select contact_id, null, '{kind}', jsonb_agg(id) from new_{kind} group by contact_id "
        for kind in ADDITIONS
    )
}
    ), journal as (
        select max(row_id) as row_id, jsonb_object_agg(kind, ids) filter (where kind is not null) as added
        from ids group by contact_id
    )
    update {ROWS} row
    set outcome = '{ImportRow.Outcome.UPDATED}',
        before = jsonb_build_object('fields', coalesce(row.changes->'fields', '{{}}'),
                                    'added', coalesce(journal.added, '{{}}'))
    from journal where row.id = journal.row_id
"""

# Planned updates that found no such contact (any more).
REFUSED = f"""
    update {ROWS} row
    set outcome = '{ImportRow.Outcome.FAILED}', reason = '{Reason.CHANGED_SINCE}', error = %(changed_since)s
    where {CHUNK} and row.decision = 'update'
"""

IS_UPDATE = "row.decision = 'update'"
STATEMENTS = {UPDATE: IS_UPDATE, REFUSED: IS_UPDATE}
