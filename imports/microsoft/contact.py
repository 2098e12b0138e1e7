"""One contact of Microsoft Graph: https://learn.microsoft.com/graph/api/resources/contact"""

from __future__ import annotations

import hashlib
from uuid import UUID

from contacts.composing import Composer
from contacts.incoming import IncomingPhoto
from imports.answers import Object, identity, misshapen, object_at, objects, raw, text, texts
from imports.listing import Person
from imports.microsoft.photos import reference
from imports.readers.kept import keep_columns

TEXTS = (
    *("displayName", "givenName", "middleName", "surname", "nickName", "companyName", "jobTitle", "department"),
    *("birthday", "personalNotes", "businessHomePage", "mobilePhone", "changeKey"),
)
PHONES = {"businessPhones": "Work", "homePhones": "Home"}
ADDRESSES = {"homeAddress": "Home", "businessAddress": "Work", "otherAddress": "Other"}
LISTS = ("emailAddresses", "imAddresses", "categories", *PHONES)
KEPT = {"spouseName": "Spouse", "manager": "Manager", "assistantName": "Assistant", "profession": "Profession"}
SELECTED = (*TEXTS, *LISTS, *ADDRESSES, *KEPT)
UNREADABLE = "Microsoft sent something that is not a contact."


def read_contact(value: object, *, account_id: UUID, region: str) -> Person:
    """Return what an item of a page says. Never raises: a field of another type than documented costs only itself."""
    if not isinstance(value, dict):
        return Person("", raw=raw(value), problem=UNREADABLE)
    external_id = identity(value, "id")
    if not external_id:
        return Person("", raw=raw(value), problem="Microsoft sent a contact without an identity.")
    if "@removed" in value:
        return Person(external_id, is_removed=True)
    composer = Composer(region=region)
    composer.set_external_id(external_id)
    composer.set_line("etag", text(value, "changeKey"))
    _take_names(composer, value)
    _take_ways_to_reach(composer, value)
    if birthday := text(value, "birthday"):
        composer.set_birthday(birthday[:10])  # Outlook stores midday UTC, and 1604 for an unknown year
    composer.add_notes(text(value, "personalNotes"))
    for category in texts(value, "categories"):
        composer.add_tag(category)
    if kept := {label: text(value, key) for key, label in KEPT.items() if text(value, key)}:
        keep_columns(composer, "microsoft", kept)
    for key in misshapen(value, lists=LISTS, plain=(*TEXTS, *KEPT)):
        composer.add_problem(f"Microsoft's {key} could not be read and was left out.")
    contact = composer.finish()
    contact.photo = _photo(value, account_id=account_id, external_id=external_id)
    return Person(external_id, contact, raw(value))


def _take_names(composer: Composer, value: Object) -> None:
    composer.set_line("display_name", text(value, "displayName"))
    composer.set_line("given_name", " ".join(filter(None, (text(value, "givenName"), text(value, "middleName")))))
    composer.set_line("family_name", text(value, "surname"))
    composer.set_line("nickname", text(value, "nickName"))
    composer.set_line("organization", text(value, "companyName"))
    composer.set_line("title", text(value, "jobTitle"))
    composer.set_line("department", text(value, "department"))


def _take_ways_to_reach(composer: Composer, value: Object) -> None:
    for email in objects(value, "emailAddresses"):
        composer.add_email(text(email, "address"), is_primary=not composer.contact.emails)
    composer.add_phone(text(value, "mobilePhone"), label="Mobile", is_primary=True)
    for key, label in PHONES.items():
        for number in texts(value, key):
            composer.add_phone(number, label=label, is_primary=not composer.contact.phones)
    for key, label in ADDRESSES.items():
        address = object_at(value, key)
        composer.add_address(
            label=label,
            street=text(address, "street"),
            city=text(address, "city"),
            region=text(address, "state"),
            postal_code=text(address, "postalCode"),
            country=text(address, "countryOrRegion"),
        )
    composer.add_url(text(value, "businessHomePage"), label="Work")
    for name in texts(value, "imAddresses"):
        composer.add_handle(name)


def _photo(value: Object, *, account_id: UUID, external_id: str) -> IncomingPhoto | None:
    """Return the place of the picture: Graph does not say whether there is one. Every change may have changed it."""
    version = hashlib.sha256(text(value, "changeKey").encode("utf-8", "replace")).hexdigest()[:8]
    found = reference(account_id, external_id, version=version)
    return IncomingPhoto(reference=found) if found else None
