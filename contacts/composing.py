"""Putting together one IncomingContact from what a source says, value by value."""

from __future__ import annotations

from collections.abc import Sized

from contacts import birthdays, links
from contacts.incoming import (
    IncomingAddress,
    IncomingContact,
    IncomingEmail,
    IncomingLink,
    IncomingPhone,
    IncomingPhoto,
)
from contacts.names import sort_name, split_free_name
from contacts.normalizing import normalize_email, normalize_phone
from contacts.text import clean_line, clean_text

LINE_FIELDS = {
    "display_name": 300,
    "given_name": 150,
    "family_name": 150,
    "nickname": 150,
    "organization": 200,
    "title": 200,
    "department": 200,
    "etag": 255,
}
ADDRESS_PARTS = {"city": 200, "region": 200, "postal_code": 40, "country": 100}
NAMES = {
    "display_name": "name",
    "given_name": "first name",
    "family_name": "last name",
    "etag": "revision",
    "postal_code": "postal code",
}
NOTES_MAX = 20_000
STREET_MAX = 1_000
LABEL_MAX = 60
PHONE_MAX = 60
TAG_MAX = 100
EXTERNAL_ID_MAX = 255
VALUES_MAX = 100
PROBLEMS_MAX = 30
HIDDEN_TAGS = frozenset(("mycontacts", "my contacts"))


class Composer:
    """Collects what a source says about one person; `finish` returns it.

    Every value is cleaned and cut to what the models hold; what cannot be used becomes a sentence in `problems` and
    costs only itself. `region` is the country of telephone numbers without a prefix.
    """

    __slots__ = ("contact", "region")

    def __init__(self, *, region: str) -> None:
        self.contact = IncomingContact()
        self.region = region

    def add_problem(self, sentence: str) -> None:
        if len(self.contact.problems) < PROBLEMS_MAX:
            self.contact.problems.append(sentence)

    def set_line(self, field: str, value: str) -> None:
        """Set a field of one line unless it has a value; `field` is a key of LINE_FIELDS."""
        if value and not getattr(self.contact, field):
            setattr(self.contact, field, self._line(value, LINE_FIELDS[field], field))

    def add_notes(self, value: str) -> None:
        value = clean_text(value[: NOTES_MAX * 2])
        if value:
            notes = f"{self.contact.notes}\n\n{value}" if self.contact.notes else value
            self.contact.notes = self._cut(notes, NOTES_MAX, "notes")

    def set_external_id(self, value: str) -> None:
        """Set the identity at the source; one that is too long is left out, because cut ones could be equal."""
        value = clean_line(value[: EXTERNAL_ID_MAX * 2])
        if len(value) > EXTERNAL_ID_MAX:
            self.add_problem(f"The identifier is longer than {EXTERNAL_ID_MAX} characters and was left out.")
        elif not self.contact.external_id:
            self.contact.external_id = value

    def set_birthday(self, value: str, *, omit_year: int = birthdays.APPLE_NO_YEAR) -> bool:
        """Say whether `value` was a date or the zeros for none."""
        found = birthdays.read_birthday(value, omit_year=omit_year)
        if found is None:
            self.add_problem(f"The birthday “{clean_line(value[:40])}” could not be read as one certain date.")
        elif not self.contact.birthday:
            self.contact.birthday = found
        return found is not None

    def add_email(self, value: str, *, label: str = "", is_primary: bool = False) -> None:
        value = value.strip()
        if not value:
            return
        address, normalized = normalize_email(value)
        if not address or address[:3].lower() in ("/o=", "/c="):
            kind = "an Exchange directory path" if value[:3].lower() in ("/o=", "/c=") else "not an e-mail address"
            self.add_problem(f"“{clean_line(value[:60])}” is {kind} and was left out.")
            return
        if not normalized:
            self.add_problem(f"The e-mail address “{address[:60]}” is not valid.")
        key = normalized or address.casefold()
        emails = self.contact.emails
        if not self._is_full(emails) and all((other.normalized or other.address.casefold()) != key for other in emails):
            emails.append(IncomingEmail(address, normalized, self._label(label), is_primary))

    def add_phone(self, value: str, *, label: str = "", is_primary: bool = False) -> None:
        number = clean_line(value[: PHONE_MAX * 4])
        if not number:
            return
        e164 = normalize_phone(number, region=self.region)
        raw = self._cut(number, PHONE_MAX, "phone number")
        if not any(char.isdigit() for char in raw):
            self.add_problem(f"“{raw}” is not a telephone number.")
        phones = self.contact.phones
        if not self._is_full(phones) and all(other.raw != raw and (not e164 or other.e164 != e164) for other in phones):
            phones.append(IncomingPhone(raw, e164, self._label(label), is_primary))

    def add_address(self, *, label: str = "", street: str = "", **parts: str) -> None:
        """Add a postal address; `parts` are the keys of ADDRESS_PARTS."""
        street = self._cut(clean_text(street[: STREET_MAX * 2]), STREET_MAX, "street")
        lines = {part: self._line(value, ADDRESS_PARTS[part], part) for part, value in parts.items()}
        if (street or any(lines.values())) and not self._is_full(self.contact.addresses):
            address = IncomingAddress(label=self._label(label), street=street, **lines)
            if address not in self.contact.addresses:
                self.contact.addresses.append(address)

    def add_url(self, value: str, *, label: str = "", kind: str = "url") -> None:
        url = links.web_address(value)
        if url:
            self._add_link(IncomingLink(kind, url, self._label(label)))
        elif value.strip():
            self.add_problem(f"“{clean_line(value[:60])}” is not a web address and was left out.")

    def add_handle(self, value: str, *, label: str = "", kind: str = "im") -> None:
        name = links.handle(value)
        if name:
            self._add_link(IncomingLink(kind, name, self._label(label)))
        elif value.strip():
            self.add_problem(f"“{clean_line(value[:60])}” was left out.")

    def add_tag(self, value: str) -> None:
        tag = self._line(value, TAG_MAX, "tag")
        if not tag or tag.casefold() in HIDDEN_TAGS:
            return
        if tag not in self.contact.tags and not self._is_full(self.contact.tags):
            self.contact.tags.append(tag)

    def set_photo(self, *, url: str = "", content: bytes = b"") -> None:
        if self.contact.photo is not None:
            return
        if content:
            self.contact.photo = IncomingPhoto(content=content)
        elif address := links.web_address(url) if "//" in url[:8] else "":
            self.contact.photo = IncomingPhoto(url=address)
        elif url.strip():
            self.add_problem("The picture's address is not a web address and was left out.")

    def finish(self) -> IncomingContact:
        """Return the contact, with the names that can be derived: display name, sort name, given and family name."""
        contact = self.contact
        if contact.display_name:
            if not contact.given_name and not contact.family_name and contact.display_name != contact.organization:
                given, family = split_free_name(contact.display_name)
                contact.given_name, contact.family_name = given[:150], family[:150]
        else:
            contact.display_name = self._fallback_name()[:300]
        contact.sort_name = sort_name(
            display_name=contact.display_name,
            given_name=contact.given_name,
            family_name=contact.family_name,
        )
        return contact

    def _fallback_name(self) -> str:
        contact = self.contact
        name = f"{contact.given_name} {contact.family_name}".strip()
        if name or contact.nickname or contact.organization:
            return name or contact.nickname or contact.organization
        if contact.emails:
            return contact.emails[0].address
        return contact.phones[0].raw if contact.phones else ""

    def _add_link(self, link: IncomingLink) -> None:
        if link not in self.contact.links and not self._is_full(self.contact.links):
            self.contact.links.append(link)

    def _is_full(self, values: Sized) -> bool:
        if len(values) < VALUES_MAX:
            return False
        self.add_problem(f"More than {VALUES_MAX} values of one kind: the rest was left out.")
        return True

    def _label(self, label: str) -> str:
        return clean_line(label[: LABEL_MAX * 2])[:LABEL_MAX] if label else ""

    def _line(self, value: str, longest: int, field: str) -> str:
        # Cut before cleaning: composing accents takes time quadratic in their number.
        return self._cut(clean_line(value[: longest * 4]), longest, field)

    def _cut(self, value: str, longest: int, field: str) -> str:
        if len(value) <= longest:
            return value
        self.add_problem(f"The {NAMES.get(field, field)} is longer than {longest} characters and was cut.")
        return value[:longest].rstrip()
