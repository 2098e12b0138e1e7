"""Put entries beside the contacts that they were matched to: what would importing them write?"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

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
from imports.entries import Parsed
from imports.identities import OF_ACCOUNT
from imports.merging import Changes, difference
from imports.models import ImportJob
from media_store.models import PhotoJob

TAGGINGS = Contact.tags.through._meta.db_table

CURRENT = f"""
    select contact.id, contact.updated_at, contact.locked_fields, jsonb_build_object(
        'display_name', contact.display_name, 'given_name', contact.given_name, 'family_name', contact.family_name,
        'sort_name', contact.sort_name, 'nickname', contact.nickname, 'title', contact.title,
        'department', contact.department, 'birthday', contact.birthday, 'notes', contact.notes,
        'extra', contact.extra,
        'organization', coalesce((select name from {Organization._meta.db_table} o where o.id = organization_id), ''),
        'emails', (select jsonb_agg(jsonb_build_object('address', address, 'normalized', normalized))
                   from {ContactEmail._meta.db_table} where contact_id = contact.id),
        'phones', (select jsonb_agg(jsonb_build_object('raw', raw, 'e164', e164))
                   from {ContactPhone._meta.db_table} where contact_id = contact.id),
        'addresses', (select jsonb_agg(jsonb_build_object('street', street, 'postal_code', postal_code, 'city', city,
                                                          'region', region, 'country', country))
                      from {ContactAddress._meta.db_table} where contact_id = contact.id),
        'links', (select jsonb_agg(jsonb_build_object('kind', kind, 'value', value))
                  from {ContactLink._meta.db_table} where contact_id = contact.id),
        'tags', (select jsonb_agg(tag.name) from {TAGGINGS} tagging join {Tag._meta.db_table} tag
                 on tag.id = tagging.tag_id where tagging.contact_id = contact.id)
    )::text,
    (select jsonb_build_array(coalesce(nullif(picture.source_url, ''), photo.source_ref), picture.blocked)
     from {ContactPicture._meta.db_table} picture join {PhotoJob._meta.db_table} photo
          on photo.id = picture.photo_job_id
     where picture.contact_id = contact.id and picture.source = %(source)s)::text,
    exists (select 1 from {ExternalIdentity._meta.db_table} identity
            where identity.contact_id = contact.id and identity.source = %(source)s and {OF_ACCOUNT}
              and identity.external_id = any(%(external_ids)s)),
    exists (select 1 from {ContactPicture._meta.db_table} picture where picture.contact_id = contact.id)
    from {Contact._meta.db_table} contact
    where contact.owner_id = %(owner)s and contact.id = any(%(ids)s)
"""


@dataclass(frozen=True)
class Current:
    """A contact as it is now, in the shape of `imports.entries`."""

    id: UUID
    values: Parsed
    updated_at: datetime
    locked: list[str]
    photo: str
    has_photo: bool
    is_photo_blocked: bool
    has_identity: bool
    has_any_photo: bool

    def is_source_of(self, external_id: str) -> bool:
        """Say whether the entry was exported from this contact: then it names no other program."""
        return external_id.lower() == f"urn:uuid:{self.id}"


def load_current(
    job: ImportJob, *, contact_ids: Collection[UUID], external_ids: Collection[str]
) -> dict[UUID, Current]:
    """Return these contacts by id, by one statement."""
    parameters: dict[str, Any] = {
        "source": job.provider,
        "account": job.account_id,
        "owner": job.owner_id,
        "ids": list(contact_ids),
        "external_ids": list(external_ids),
    }
    with connection.cursor() as cursor:
        cursor.execute(CURRENT, parameters)
        return {row[0]: _current(*row) for row in cursor.fetchall()}


def compare(job: ImportJob, current: Current, *, parsed: Parsed, photo: str, external_id: str) -> Changes:
    """Return what importing this entry writes to the contact; empty when there is nothing to write."""
    is_overwriting = job.on_conflict == ImportJob.OnConflict.OVERWRITE
    changes = difference(current.values, parsed, is_overwriting=is_overwriting, locked=current.locked)
    is_our_own = current.is_source_of(external_id)
    if external_id and not current.has_identity and not is_our_own:
        changes["identity"] = external_id
    is_wanted = is_overwriting or not (current.has_any_photo if is_our_own else current.has_photo)
    if photo and is_wanted and not current.is_photo_blocked and not _is_same_picture(photo, current.photo):
        changes["photo"] = photo
    return changes


def _is_same_picture(first: str, second: str) -> bool:
    """Compare addresses, or stored files by the hash at the end of their names."""
    return first == second or (first.startswith("o") and first.rpartition("-")[2] == second.rpartition("-")[2])


def _current(
    pk: UUID,
    updated_at: datetime,
    locked: Any,
    values: str,
    picture: str | None,
    has_identity: bool,
    has_any_photo: bool,
) -> Current:
    source, is_blocked = json.loads(picture) if picture else ("", False)
    return Current(
        id=pk,
        values={name: value for name, value in json.loads(values).items() if value},
        updated_at=updated_at,
        locked=json.loads(locked) if isinstance(locked, str) else locked,
        photo=source,
        has_photo=picture is not None,
        is_photo_blocked=is_blocked,
        has_identity=has_identity,
        has_any_photo=has_any_photo,
    )
