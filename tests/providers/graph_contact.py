"""One person of an address book as a contact of Microsoft Graph v1.0."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from tests.providers.address_book import Entry
from tests.providers.graph_schemas import ADDRESS_FIELDS, CONTACT_FIELDS, LIST_FIELDS
from tests.providers.people import Person

MADE = "2026-02-01T08:00:00Z"


def contact_id(number: int, *, folder: int, generation: int, is_immutable: bool) -> str:
    """Return the id: the usual one changes with the folder, the immutable one (`Prefer: IdType`) stays."""
    kind = f"immutable/{number}/{generation}" if is_immutable else f"usual/{number}/{generation}/{folder}"
    digest = base64.urlsafe_b64encode(hashlib.sha512(kind.encode()).digest()).decode().rstrip("=")
    return f"AA{'k' if is_immutable else 'M'}ALg{digest[:60]}{number:08d}="


def number_in(identity: str) -> int | None:
    """Return the number of the person that an id from `contact_id` was made for."""
    digits = identity[-9:-1]
    return int(digits) if digits.isdigit() and identity.startswith("AA") else None


def folder_id(folder: int) -> str:
    return f"AAMkAGI2{hashlib.sha256(f'folder/{folder}'.encode()).hexdigest()[:40]}AAA="


def contact_resource(entry: Entry, *, is_immutable: bool, fields: frozenset[str]) -> dict[str, Any]:
    """Return the contact, with id and every key, or `fields` alone; null or an empty list where there is nothing."""
    person = entry.person
    assert person
    change_key = f"EQAAABYAAAC{entry.version:06d}{entry.number:06d}"
    whole: dict[str, Any] = dict.fromkeys(CONTACT_FIELDS)
    whole |= {key: [] for key in LIST_FIELDS} | {key: {} for key in ADDRESS_FIELDS}
    whole |= {"changeKey": change_key, "createdDateTime": MADE, "parentFolderId": folder_id(person.folder)}
    whole["lastModifiedDateTime"] = f"2026-03-01T08:{entry.version // 60 % 60:02d}:{entry.version % 60:02d}Z"
    whole |= _facts(person)
    chosen = {key: whole[key] for key in CONTACT_FIELDS if not fields or key in fields}
    identity = contact_id(entry.number, folder=person.folder, generation=entry.generation, is_immutable=is_immutable)
    return {"@odata.etag": f'W/"{change_key}"', "id": identity, **chosen}


def removed_resource(entry: Entry, *, folder: int, is_immutable: bool) -> dict[str, Any]:
    identity = contact_id(entry.number, folder=folder, generation=entry.generation, is_immutable=is_immutable)
    return {"@odata.type": "#microsoft.graph.contact", "id": identity, "@removed": {"reason": "deleted"}}


def _facts(person: Person) -> dict[str, Any]:
    phones = dict(person.phones)
    return {
        "displayName": person.full_name or (person.emails[0][1] if person.emails else person.organization or ""),
        "givenName": person.given_name or None,
        "surname": person.family_name or None,
        "nickName": person.nickname or None,
        "companyName": person.organization or None,
        "jobTitle": person.title or None,
        "department": person.department or None,
        "personalNotes": person.notes,
        "categories": list(person.tags),
        "emailAddresses": [{"name": person.full_name or value, "address": value} for _, value in person.emails],
        "mobilePhone": phones.get("mobile"),
        "businessPhones": [phones["work"]] if "work" in phones else [],
        "homePhones": [phones["home"]] if "home" in phones else [],
        "businessHomePage": person.website or None,
        "birthday": _birthday(person.birthday),
        "homeAddress": _address(person),
    }


def _birthday(birthday: tuple[int, int, int] | None) -> str | None:
    """Return midday UTC, as Outlook stores it; an unknown year is 1604."""
    if birthday is None:
        return None
    year, month, day = birthday
    return f"{year or 1604:04d}-{month:02d}-{day:02d}T11:59:00Z"


def _address(person: Person) -> dict[str, str]:
    if person.city is None:
        return {}
    city, country, _ = person.city
    return {"street": person.street, "city": city, "countryOrRegion": country}
