"""The match ladder: which contact an entry is, and by which rung."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef

from contacts.matching import NameWords, name_words, names_agree
from contacts.models import Chat, ChatParticipant, Contact, ContactEmail, ContactPhone, ExternalIdentity, MergeRecord
from imports.identities import OF_ACCOUNT
from imports.models import ImportJob, ImportRow
from imports.reasons import Reason

OWN, IDENTITY, CHAT, EMAIL, PHONE = 0, 1, 2, 3, 4
HOLDERS_TO_COMPARE = 50

# The id under which contacts.exporting writes a contact that no other program has named: ours, if it is there still.
OWN_ID = r"""
    case when external_id ~* '^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
         then substr(external_id, 10)::uuid end
"""

# Many people may share one address: those beyond the first 50 are not looked at. A limit also makes the planner look
# each key up; with the statistics of a table that has just been filled it would go through the owner's rows for each.
CANDIDATES = f"""
    with page as materialized (
        select position, external_id, parsed, {OWN_ID} as own_id from {ImportRow._meta.db_table}
        where job_id = %(job)s and position between %(first)s and %(last)s and decision = 'create'
    )
    select position, {OWN} as rung, contact.id as contact_id
    from page, lateral (
        select id, owner_id from {Contact._meta.db_table} where id = page.own_id limit 1
    ) contact
    where contact.owner_id = %(owner)s
    union
    select position, {OWN}, merge.contact_id
    from page join {MergeRecord._meta.db_table} merge
         on merge.loser_id = page.own_id and merge.owner_id = %(owner)s and merge.undone_at is null
    union
    select position, {IDENTITY}, holder.contact_id
    from page, lateral (
        select contact_id from {ExternalIdentity._meta.db_table} identity
        where identity.owner_id = %(owner)s and identity.source = %(source)s and {OF_ACCOUNT}
          and identity.external_id = page.external_id and page.external_id <> ''
        limit 1
    ) holder
    union
    select position, {EMAIL}, holder.contact_id
    from page, jsonb_to_recordset(parsed->'emails') as entry(normalized text), lateral (
        select contact_id from {ContactEmail._meta.db_table} email
        where email.owner_id = %(owner)s and email.normalized = entry.normalized and entry.normalized <> ''
        order by contact_id limit {HOLDERS_TO_COMPARE}
    ) holder
    union
    select position, {PHONE}, holder.contact_id
    from page, jsonb_to_recordset(parsed->'phones') as entry(e164 text), lateral (
        select contact_id from {ContactPhone._meta.db_table} phone
        where phone.owner_id = %(owner)s and phone.e164 = entry.e164 and entry.e164 <> ''
        order by contact_id limit {HOLDERS_TO_COMPARE}
    ) holder
"""

# Whose chat it is, however that was found: the contact that people see there. A group says nothing about one of them.
LINKED = f"""
    union
    select position, {CHAT}, chat.contact_id
    from page
    join {ChatParticipant._meta.db_table} person on person.external_id = page.external_id and page.external_id <> ''
    join {Chat._meta.db_table} chat on chat.id = person.chat_id
    where chat.owner_id = %(owner)s and chat.account_key = %(account)s and chat.kind = '{Chat.Kind.SINGLE}'
      and chat.contact_id is not null
"""
IN_ORDER = " order by 1, 2, 3"


@dataclass
class Candidates:
    """The contacts that one row could be, for each rung that found any, oldest contact first."""

    by_rung: dict[int, list[UUID]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True)
class Match:
    """The contacts that a row may be, the best first, none for somebody new; and why."""

    contact_ids: list[UUID]
    reason: Reason
    is_by_identity: bool = False


def find_candidates(job: ImportJob, *, first: int, last: int) -> dict[int, Candidates]:
    """Return, by position, the candidates of the rows from `first` to `last` that have any, by one statement."""
    parameters: dict[str, Any] = {
        "job": job.pk,
        "owner": job.owner_id,
        "source": job.provider,
        "account": job.account_id,
        "first": first,
        "last": last,
    }
    found: dict[int, Candidates] = defaultdict(Candidates)
    linked = LINKED if job.provider == ImportJob.Provider.BEEPER else ""
    with connection.cursor() as cursor:
        cursor.execute(f"{CANDIDATES}{linked}{IN_ORDER}", parameters)
        for position, rung, contact_id in cursor.fetchall():
            found[position].by_rung[rung].append(contact_id)
    return found


def names_of(contact_ids: Collection[UUID]) -> dict[UUID, NameWords]:
    """Return the name of each contact as words."""
    shown_number = ContactPhone.objects.filter(contact_id=OuterRef("pk"), raw=OuterRef("display_name"))
    contacts = Contact.objects.filter(pk__in=contact_ids).annotate(is_number=Exists(shown_number))
    rows = contacts.values("pk", "display_name", "given_name", "family_name", "is_number")
    return {
        row["pk"]: name_words({**row, "phones": [{"raw": row["display_name"]}] if row["is_number"] else []})
        for row in rows
    }


def choose(candidates: Candidates, *, words: NameWords, names: Mapping[UUID, NameWords], provider: str) -> Match:
    """Take the highest rung that holds. E-mail and phone hold only for a contact whose name agrees with `words`."""
    accepted = {
        rung: [pk for pk in ids if pk in names and (rung <= CHAT or names_agree(names[pk], words))]
        for rung, ids in sorted(candidates.by_rung.items())
    }
    held = {rung: ids for rung, ids in accepted.items() if ids}
    if not held:
        return Match([], Reason.SHARED_ADDRESS)
    rung, ids = next(iter(held.items()))
    # Of several holders: whom the other rungs know too, whose name is the very same, who was there first.
    ids.sort(key=lambda pk: (sum(pk in others for others in held.values()), names[pk] == words), reverse=True)
    if any(ids[0] not in others for others in held.values()):
        return Match(ids, Reason.CONFLICT, is_by_identity=rung <= CHAT)
    return Match(ids, _reason(rung, provider), is_by_identity=rung <= CHAT)


def _reason(rung: int, provider: str) -> Reason:
    if rung == OWN:
        return Reason.KITH_ID
    if rung == IDENTITY:
        return Reason.VCARD_UID if provider == ImportJob.Provider.VCARD else Reason.EXTERNAL_IDENTITY
    if rung == CHAT:
        return Reason.LINKED_CHAT
    return Reason.EMAIL if rung == EMAIL else Reason.PHONE


def rows_in_use(job: ImportJob, *, before: int, contact_ids: Collection[UUID]) -> list[dict[str, Any]]:
    """Return the rows before `before` that were matched to these contacts."""
    rows = ImportRow.objects.filter(
        job=job,
        position__lt=before,
        contact_id__in=contact_ids,
        decision__in=[ImportRow.Decision.UPDATE, ImportRow.Decision.UNCHANGED],
    )
    return [*map(dict, rows.values("position", "contact_id", "parsed", "photo", "external_id", "reason"))]
