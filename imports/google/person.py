"""One person of Google's People API: https://developers.google.com/people/api/rest/v1/people#Person"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from contacts.composing import Composer
from imports.answers import Object, identity, is_true, misshapen, number, object_at, objects, raw, text, texts
from imports.listing import Person
from imports.readers.kept import keep_columns

# Asked for a little larger than the 400 pixels that we keep.
PHOTO_PIXELS = 512
LISTS = (
    *("names", "nicknames", "emailAddresses", "phoneNumbers", "organizations", "birthdays", "biographies"),
    *("addresses", "urls", "imClients", "memberships", "photos", "events", "relations", "userDefined"),
)
UNREADABLE = "Google sent something that is not a person."

Take = Callable[[Composer, Object], None]


def read_person(value: object, *, labels: Mapping[str, str], region: str) -> Person:
    """Return what an item of a page says; `labels` are names of groups by resource name. Never raises.

    A field of another type than documented costs itself, and is named among the contact's problems.
    """
    if not isinstance(value, dict):
        return Person("", raw=raw(value), problem=UNREADABLE)
    resource_name, metadata = identity(value, "resourceName"), object_at(value, "metadata")
    if not resource_name:
        return Person("", raw=raw(value), problem="Google sent a person without an identity.")
    former_ids = tuple(name for name in texts(metadata, "previousResourceNames") if name.isprintable())
    if is_true(metadata, "deleted"):
        return Person(resource_name, is_removed=True, former_ids=former_ids)
    composer = Composer(region=region)
    composer.set_external_id(resource_name)
    composer.set_line("etag", text(value, "etag"))
    for key, take in TAKES.items():
        for item in _primary_first(objects(value, key)):
            take(composer, item)
    _take_labels(composer, value, labels)
    _keep_others(composer, value)
    for key in misshapen(value, lists=LISTS):
        composer.add_problem(f"Google's {key} could not be read and were left out.")
    return Person(composer.contact.external_id, composer.finish(), raw(value), former_ids=former_ids)


def _primary_first(items: list[Object]) -> list[Object]:
    """Put the one that is primary over all sources first; there may be none, then the first stands for it."""
    return sorted(items, key=lambda item: not is_true(object_at(item, "metadata"), "primary"))


def _take_name(composer: Composer, item: Object) -> None:
    contact = composer.contact
    if contact.display_name or contact.given_name or contact.family_name:
        return
    composer.set_line("display_name", text(item, "displayName") or text(item, "unstructuredName"))
    given = " ".join(filter(None, (text(item, "givenName"), text(item, "middleName"))))
    composer.set_line("given_name", given)
    composer.set_line("family_name", text(item, "familyName"))


def _take_organization(composer: Composer, item: Object) -> None:
    contact = composer.contact
    if contact.organization or contact.title or contact.department:
        return
    composer.set_line("organization", text(item, "name"))
    composer.set_line("title", text(item, "title"))
    composer.set_line("department", text(item, "department"))


def _take_email(composer: Composer, item: Object) -> None:
    is_primary = not composer.contact.emails
    composer.add_email(text(item, "value"), label=_label(item), is_primary=is_primary)


def _take_phone(composer: Composer, item: Object) -> None:
    is_primary = not composer.contact.phones
    composer.add_phone(text(item, "value") or text(item, "canonicalForm"), label=_label(item), is_primary=is_primary)


def _take_birthday(composer: Composer, item: Object) -> None:
    if composer.contact.birthday:
        return
    date = object_at(item, "date")
    year, month, day = (number(date, part) for part in ("year", "month", "day"))
    if month and day:
        composer.set_birthday(f"{year:04d}-{month:02d}-{day:02d}" if year else f"--{month:02d}-{day:02d}")
    elif text(item, "text"):
        composer.set_birthday(text(item, "text"))


def _take_address(composer: Composer, item: Object) -> None:
    street = "\n".join(filter(None, (text(item, key) for key in ("poBox", "streetAddress", "extendedAddress"))))
    parts = {"city": "city", "region": "region", "postal_code": "postalCode", "country": "country"}
    values = {part: text(item, key) for part, key in parts.items()}
    if not street and not any(values.values()):
        street = text(item, "formattedValue")
    composer.add_address(label=_label(item), street=street, **values)


def _take_messenger(composer: Composer, item: Object) -> None:
    label = text(item, "formattedProtocol") or text(item, "protocol") or _label(item)
    composer.add_handle(text(item, "username"), label=label)


def _take_photo(composer: Composer, item: Object) -> None:
    """Take the picture, but not the letter that Google draws for people who have none."""
    if not is_true(item, "default") and (url := text(item, "url")):
        composer.set_photo(url=sized(url))


def sized(url: str, pixels: int = PHOTO_PIXELS) -> str:
    """Return the address of the same picture with this many pixels; "" for what is no address."""
    try:
        parts = urlsplit(url)
        query = [(key, value) for key, value in parse_qsl(parts.query, keep_blank_values=True) if key != "sz"]
    except ValueError:
        return ""
    return urlunsplit(parts._replace(query=urlencode([*query, ("sz", pixels)])))


def _take_labels(composer: Composer, value: Object, labels: Mapping[str, str]) -> None:
    for membership in objects(value, "memberships"):
        name = text(membership, "contactGroupMembership", "contactGroupResourceName")
        if name in labels:
            composer.add_tag(labels[name])


def _keep_others(composer: Composer, value: Object) -> None:
    """Keep what no field of ours holds."""
    kept = {text(item, "key"): text(item, "value") for item in objects(value, "userDefined")}
    kept |= {_label(item) or "Relation": text(item, "person") for item in objects(value, "relations")}
    for item in objects(value, "events"):
        date = object_at(item, "date")
        year, month, day = (number(date, part) for part in ("year", "month", "day"))
        if month and day:
            kept[_label(item) or "Event"] = f"{year:04d}-{month:02d}-{day:02d}" if year else f"--{month:02d}-{day:02d}"
    if kept := {key: found for key, found in kept.items() if key and found}:
        keep_columns(composer, "google", kept)


def _label(item: Object) -> str:
    return text(item, "formattedType") or text(item, "type")


TAKES: dict[str, Take] = {
    "names": _take_name,
    "nicknames": lambda composer, item: composer.set_line("nickname", text(item, "value")),
    "emailAddresses": _take_email,
    "phoneNumbers": _take_phone,
    "organizations": _take_organization,
    "birthdays": _take_birthday,
    "biographies": lambda composer, item: composer.add_notes(text(item, "value")),
    "addresses": _take_address,
    "urls": lambda composer, item: composer.add_url(text(item, "value"), label=_label(item)),
    "imClients": _take_messenger,
    "photos": _take_photo,
}
