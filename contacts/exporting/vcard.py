"""People as vCards.

Version 4.0 is the newer standard; 3.0 is what phones and mail programs read best. Labels of our own are written as
Apple does, by a group and X-ABLabel, because nothing in either standard holds them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Literal

from contacts import links
from contacts.exporting.people import Address, Entry, Person
from contacts.exporting.vcard_lines import escaped, escaped_address, folded, kept_line, picture
from contacts.models import ContactLink

Version = Literal["3.0", "4.0"]

SOURCE = "vcard"
TYPES = {
    "home": "home",
    "work": "work",
    "mobile": "cell",
    "fax": "fax",
    "home fax": "home,fax",
    "work fax": "work,fax",
    "pager": "pager",
    "main": "main",
    "other": "other",
}
SERVICES = {
    "Skype": "skype",
    "Jabber": "xmpp",
    "AIM": "aim",
    "ICQ": "icq",
    "Yahoo": "ymsgr",
    "MSN": "msnim",
    "Google Talk": "gtalk",
}
PHOTO = {"3.0": "PHOTO;ENCODING=b;TYPE=WEBP:", "4.0": "PHOTO:data:image/webp;base64,"}
NO_YEAR = 1604  # how Apple writes a birthday whose year is unknown in 3.0, which has no other way


class CardWriter:
    """Writes one card. Properties that were kept from an import stand behind those of the same name."""

    def __init__(self, person: Person, *, version: Version) -> None:
        self.person = person
        self.version = version
        self.lines: list[str] = []
        self.kept: dict[str, list[tuple[str, Any, str]]] = defaultdict(list)
        self.groups: set[str] = set()
        self.group = 0
        for entry in person.extra.get("vcard", ()):
            name, params, value = entry
            group, _, base = name.rpartition(".")
            self.groups.add(group)
            self.kept[base].append((name, params, value))

    def card(self) -> bytes:
        person = self.person
        self._add_names()
        self._add_text("NICKNAME", person.nickname)
        self._add_organization()
        self._add_text("TITLE", person.title)
        self._add_birthday()
        for email in person.emails:
            self._add_labelled("EMAIL", escaped(email.value), email.label, is_primary=email.is_primary)
        for phone in person.phones:
            self._add_labelled("TEL", escaped(phone.value), phone.label, is_primary=phone.is_primary)
        for address in person.addresses:
            self._add_address(address)
        for link in person.links:
            self._add_link(link)
        if person.tags:
            self.lines.append(f"CATEGORIES:{','.join(map(escaped, person.tags))}")
        if person.notes:
            self.lines.append(f"NOTE:{escaped(person.notes)}")
        self._add_columns()
        for base in [base for base in self.kept if base != "REV"]:
            self._add_kept(base)
        self._add_identity()
        return self._framed()

    def _framed(self) -> bytes:
        """Return the card; the picture comes last, for readers that do not know where base64 ends."""
        head = f"BEGIN:VCARD\r\nVERSION:{self.version}\r\nPRODID:-//Kith//EN\r\n".encode()
        return b"".join((head, *map(folded, self.lines), self._picture(), b"END:VCARD\r\n"))

    def _add_names(self) -> None:
        """Write N from our fields, and from the kept one what they do not hold: middle names, titles, suffixes."""
        person = self.person
        others = self._kept_name_parts()
        self.lines.append(";".join((f"N:{escaped(person.family_name)}", escaped(person.given_name), *others)))
        if person.family_name or person.given_name:
            self._add_kept("N")
        self.kept.pop("N", None)
        self.lines.append(f"FN:{escaped(person.display_name)}")
        self._add_kept("FN")

    def _kept_name_parts(self) -> list[str]:
        """Take the first kept N away and return its last three components, still escaped."""
        if not self.kept["N"]:
            return ["", "", ""]
        parts = _components(self.kept["N"].pop(0)[2])
        return [*parts[2:5], "", "", ""][:3]

    def _add_text(self, name: str, value: str) -> None:
        if value:
            self.lines.append(f"{name}:{escaped(value)}")
        self._add_kept(name)

    def _add_organization(self) -> None:
        person = self.person
        if person.organization or person.department:
            unit = f";{escaped(person.department)}" if person.department else ""
            self.lines.append(f"ORG:{escaped(person.organization)}{unit}")
        self._add_kept("ORG")

    def _add_birthday(self) -> None:
        birthday = self.person.birthday
        if birthday and self.version == "4.0":
            self.lines.append("BDAY:" + birthday[:2] + birthday[2:].replace("-", ""))
        elif birthday[:2] == "--":
            self.lines.append(f"BDAY;X-APPLE-OMIT-YEAR={NO_YEAR}:{NO_YEAR}{birthday[1:]}")
        elif birthday:
            self.lines.append(f"BDAY:{birthday}")
        self._add_kept("BDAY")

    def _add_labelled(self, name: str, value: str, label: str, *, is_primary: bool = False, params: str = "") -> None:
        types = TYPES.get(label, "")
        if is_primary and self.version == "3.0":
            types += ",pref" if types else "pref"
        elif is_primary:
            params += ";PREF=1"
        if types:
            params += f";TYPE={types}"
        if label and label not in TYPES:
            group = self._new_group()
            self.lines.append(f"{group}.{name}{params}:{value}")
            # The frame of Apple's own labels; around a label that looks like one, it keeps that one whole.
            shown = f"_$!<{label}>!$_" if label.startswith("_$!<") else label
            self.lines.append(f"{group}.X-ABLabel:{escaped(shown)}")
        else:
            self.lines.append(f"{name}{params}:{value}")

    def _new_group(self) -> str:
        while True:
            self.group += 1
            if f"item{self.group}" not in self.groups:
                return f"item{self.group}"

    def _add_address(self, address: Address) -> None:
        parts = ("", "", *address[1:])
        self._add_labelled("ADR", ";".join(map(escaped, parts)), address.label)

    def _add_link(self, link: Entry) -> None:
        if link.kind == ContactLink.Kind.URL:
            self._add_labelled("URL", escaped_address(link.value), link.label)
        elif link.kind == ContactLink.Kind.SOCIAL:
            is_address = link.value.lower().startswith(("http://", "https://"))
            value = escaped_address(link.value) if is_address else escaped(_named(link.value))
            self._add_labelled("X-SOCIALPROFILE", value, link.label)
        elif link.label in SERVICES:
            value = f"{SERVICES[link.label]}:{escaped(link.value)}"
            self.lines.append(f"IMPP;X-SERVICE-TYPE={link.label}:{value}")
        else:
            self._add_labelled("IMPP", "x-apple:" + escaped(link.value), link.label)

    def _add_columns(self) -> None:
        """Write what other sources said and no field holds, such as the further columns of a CSV file."""
        for source, columns in self.person.extra.items():
            if source != SOURCE and isinstance(columns, dict):
                for column, value in columns.items():
                    if isinstance(value, str):
                        self.lines.append(f"X-KITH-EXTRA:{';'.join(map(escaped, (source, column, value)))}")

    def _add_kept(self, base: str) -> None:
        for name, params, value in self.kept.pop(base, ()):
            if line := kept_line(name, params, value):
                self.lines.append(line)

    def _add_identity(self) -> None:
        """Write UID and REV as the source had them; a card that was edited since, or is our own, has our time."""
        person = self.person
        uid, revision = person.identity(SOURCE)
        if person.updated_at > person.created_at or not person.has_identity(SOURCE):
            revision = f"{person.updated_at:%Y%m%dT%H%M%SZ}"
        self.lines.append(f"UID:{escaped(uid)}")
        if revision:
            self.lines.append(f"REV:{escaped(revision)}")
        self._add_kept("REV")

    def _picture(self) -> bytes:
        content, url = self.person.picture, links.web_address(self.person.picture_url)
        if content:
            return picture(PHOTO[self.version], content)
        return folded(f"PHOTO;VALUE=uri:{escaped_address(url)}") if url else b""


def write(people: Iterator[Person], *, version: Version) -> Iterator[bytes]:
    """Yield one card after the other."""
    for person in people:
        yield CardWriter(person, version=version).card()


def _named(handle: str) -> str:
    """Return a name so that a reader does not take its beginning for a scheme and leave it out."""
    return handle if links.handle(handle) == handle else f"x-apple:{handle}"


def _components(value: str) -> list[str]:
    """Cut an escaped value at its semicolons; the components stay escaped."""
    marked = value.replace("\\\\", "\0").replace("\\;", "\1")
    return [part.replace("\1", "\\;").replace("\0", "\\\\") for part in marked.split(";")]
