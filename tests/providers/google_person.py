"""One person of an address book as a resource of Google's People API."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from tests.providers.address_book import Entry
from tests.providers.people import TAGS, Person

PERSON_FIELDS = frozenset(
    (
        *("addresses", "ageRanges", "biographies", "birthdays", "calendarUrls", "clientData"),
        *("coverPhotos", "emailAddresses", "events", "externalIds", "genders", "imClients"),
        *("interests", "locales", "locations", "memberships", "metadata", "miscKeywords"),
        *("names", "nicknames", "occupations", "organizations", "phoneNumbers", "photos"),
        *("relations", "sipAddresses", "skills", "urls", "userDefined"),
    )
)
OTHER_CONTACT_FIELDS = frozenset({"emailAddresses", "metadata", "names", "phoneNumbers", "photos"})
GROUPS = {tag: f"{index + 1:x}0c0ffee" for index, tag in enumerate(TAGS)}
MEMBERSHIP = "contactGroupMembership"


def resource_name(number: int, generation: int, *, kind: str = "people/c") -> str:
    return f"{kind}{4_000_000_000_000_000_000 + number * 97 + generation * 10_000_000_000}"


def person_resource(
    entry: Entry, *, fields: frozenset[str], address: str, in_sync: bool, is_other: bool
) -> dict[str, Any]:
    """Return the resource with `fields` alone, absent where empty. `in_sync` tells former names, as sync calls do."""
    kind, source_type = ("otherContacts/c", "OTHER_CONTACT") if is_other else ("people/c", "CONTACT")
    name = resource_name(entry.number, entry.generation, kind=kind)
    identity = hashlib.sha256(name.encode()).hexdigest()[:16]
    source = {"type": source_type, "id": identity}
    etag = f"%EgU{entry.version:05d}{identity[:8]}"
    whole: dict[str, Any] = {"metadata": _metadata(entry, source, etag, kind, in_sync=in_sync)}
    if entry.person:
        whole |= _facts(entry.person, source) | {"photos": _photos(entry, source, address)}
    return {"resourceName": name, "etag": etag} | {key: whole[key] for key in whole if key in fields and whole[key]}


def group_resources() -> list[dict[str, Any]]:
    """Return the contact groups: Google's own, and one for each tag."""
    own = {"myContacts": "My Contacts", "starred": "Starred"}
    groups = [_group(key, name, "SYSTEM_CONTACT_GROUP") for key, name in own.items()]
    return groups + [_group(key, name, "USER_CONTACT_GROUP") for name, key in GROUPS.items()]


def _group(key: str, name: str, kind: str) -> dict[str, Any]:
    formatted = name if kind == "USER_CONTACT_GROUP" else key
    return {
        "resourceName": f"contactGroups/{key}",
        "etag": f"group{key}",
        "groupType": kind,
        "name": formatted,
        "formattedName": name,
    }


def _metadata(entry: Entry, source: dict[str, str], etag: str, kind: str, *, in_sync: bool) -> dict[str, Any]:
    stamp = f"2026-03-01T{entry.version // 3600 % 24:02d}:{entry.version // 60 % 60:02d}:{entry.version % 60:02d}.25Z"
    metadata: dict[str, Any] = {
        "sources": [{**source, "etag": f"#{etag[1:]}", "updateTime": stamp}],
        "objectType": "PERSON",
    }
    if entry.person is None:
        metadata["deleted"] = True
    if in_sync and entry.generation:
        former = range(entry.generation)
        metadata["previousResourceNames"] = [resource_name(entry.number, past, kind=kind) for past in former]
    return metadata


def _facts(person: Person, source: dict[str, str]) -> dict[str, Any]:
    def listed(values: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Give each value its metadata; the first is the primary one, in most address books."""
        return [
            {"metadata": {**({"primary": True} if person.has_primary and not at else {}), "source": source}, **value}
            for at, value in enumerate(values)
        ]

    return {
        "names": listed([_name(person)] if person.full_name else []),
        "nicknames": listed([{"value": person.nickname}] if person.nickname else []),
        "emailAddresses": listed({"value": value, **_label(label)} for label, value in person.emails),
        "phoneNumbers": listed(_phone(label, value) for label, value in person.phones),
        "organizations": listed(_organizations(person)),
        "birthdays": listed(_birthdays(person)),
        "biographies": listed([{"value": person.notes, "contentType": "TEXT_PLAIN"}] if person.notes else []),
        "addresses": listed(_addresses(person)),
        "urls": listed([{"value": person.website, **_label("homePage")}] if person.website else []),
        "memberships": listed(_memberships(person)),
    }


def _name(person: Person) -> dict[str, str]:
    last_first = ", ".join(part for part in (person.family_name, person.given_name) if part)
    parts = {"givenName": person.given_name, "familyName": person.family_name}
    whole = {"displayName": person.full_name, "displayNameLastFirst": last_first, "unstructuredName": person.full_name}
    return whole | {key: value for key, value in parts.items() if value}


def _label(label: str) -> dict[str, str]:
    return {"type": label, "formattedType": label[:1].upper() + label[1:]}


def _phone(label: str, value: str) -> dict[str, str]:
    digits = "".join(mark for mark in value if mark.isdigit())
    return {"value": value, **({"canonicalForm": f"+{digits}"} if value.startswith("+") else {}), **_label(label)}


def _organizations(person: Person) -> list[dict[str, Any]]:
    parts = {"name": person.organization, "title": person.title, "department": person.department}
    present = {key: value for key, value in parts.items() if value}
    return [{"type": "work", "formattedType": "Work", "current": True, **present}] if present else []


def _birthdays(person: Person) -> list[dict[str, Any]]:
    if person.birthday is None:
        return []
    year, month, day = person.birthday
    text = f"{month}/{day}/{year}" if year else f"{month}/{day}"
    return [{"date": {**({"year": year} if year else {}), "month": month, "day": day}, "text": text}]


def _addresses(person: Person) -> list[dict[str, str]]:
    if person.city is None:
        return []
    city, country, code = person.city
    whole = {"streetAddress": person.street, "city": city, "country": country, "countryCode": code}
    present = {key: value for key, value in whole.items() if value}
    return [{"formattedValue": "\n".join(part for part in (person.street, city, country) if part), **present}]


def _memberships(person: Person) -> list[dict[str, Any]]:
    keys = ["myContacts", *(GROUPS.get(tag, tag.casefold()) for tag in person.tags)]
    return [{MEMBERSHIP: {"contactGroupId": key, "contactGroupResourceName": f"contactGroups/{key}"}} for key in keys]


def _photos(entry: Entry, source: dict[str, str], address: str) -> list[dict[str, Any]]:
    """One picture each: a real one, or the letter that Google draws (`default`)."""
    assert entry.person
    is_default = entry.person.photo in ("placeholder", "none")
    kind = "default" if is_default else entry.person.photo
    url = f"{address}/photos/{kind}/{entry.number}-{entry.person.photo_version}/photo.jpg"
    return [{"metadata": {"primary": True, "source": source}, "url": url, **({"default": True} if is_default else {})}]
