"""From the properties of one card to a contact."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from contacts.composing import Composer
from contacts.incoming import IncomingContact
from imports.readers.encodings import decode_declared
from imports.readers.kept import keep_columns
from imports.readers.rows import Limits
from imports.readers.vcard_lines import Property, split, unescape

EXTRA_MAX = 100
EXTRA_VALUE_MAX = 2_000
APPLE_LABEL = re.compile(r"_\$!<(.*)>!\$_", re.DOTALL)
ANDROID_LABEL = re.compile(r"x-custom\(charset=([\w-]+),encoding=quoted-printable,(.*)\)", re.IGNORECASE)
MESSENGERS = {
    "X-AIM": "AIM",
    "X-ICQ": "ICQ",
    "X-JABBER": "Jabber",
    "X-MSN": "MSN",
    "X-YAHOO": "Yahoo",
    "X-QQ": "QQ",
    "X-SKYPE": "Skype",
    "X-SKYPE-USERNAME": "Skype",
    "X-GOOGLE-TALK": "Google Talk",
    "X-GTALK": "Google Talk",
    "X-MS-IMADDRESS": "",
    "X-KADDRESSBOOK-X-IMADDRESS": "",
    "X-TELEGRAM": "Telegram",
    "X-WHATSAPP": "WhatsApp",
    "X-MESSAGING/XMPP-ALL": "Jabber",
}
BLOBS = frozenset(("SOUND", "KEY", "LOGO"))
FRAME = frozenset(("BEGIN", "END", "VERSION", "PRODID"))
GROUP_KINDS = frozenset(("group", "location"))


class CardReader:
    """Reads the properties of one card into a Composer. `finish` returns the contact."""

    def __init__(self, composer: Composer, *, limits: Limits) -> None:
        self.composer = composer
        self.limits = limits
        self.labels: dict[str, str] = {}
        self.used_groups: set[str] = set()
        self.extra: list[list[object]] = []
        self.is_group = False

    def read(self, properties: list[Property]) -> None:
        for prop in properties:
            if prop.head.group and prop.head.name == "X-ABLABEL":
                text = prop.text()
                own = APPLE_LABEL.fullmatch(text.strip())
                self.labels[prop.head.group] = own[1] if own else text
        for prop in properties:
            if (prop.value or prop.head.encoding == "b") and prop.head.name not in FRAME:
                self._read_one(prop)

    def finish(self) -> IncomingContact:
        """Return the contact; what no field holds is in `extra["vcard"]` as [name, parameters, escaped value]."""
        extra = [entry for entry in self.extra if not self._is_used_label(str(entry[0]))]
        if len(extra) > EXTRA_MAX:
            self.composer.add_problem(
                f"{len(extra) - EXTRA_MAX} properties beyond the first {EXTRA_MAX} were left out."
            )
        if extra:
            self.composer.contact.extra["vcard"] = extra[:EXTRA_MAX]
        return self.composer.finish()

    def keep(self, name: str, params: dict[str, tuple[str, ...]], value: str) -> None:
        """Remember a property that no field holds, for a later export."""
        if len(value) > EXTRA_VALUE_MAX:
            self.composer.add_problem(f"{name[:40]} is longer than {EXTRA_VALUE_MAX:,} characters and was cut.")
        if len(self.extra) <= EXTRA_MAX * 2:
            kept = {key: list(values) for key, values in params.items() if key not in ("ENCODING", "CHARSET")}
            self.extra.append([name, kept, value[:EXTRA_VALUE_MAX].replace("\0", "")])

    def _read_one(self, prop: Property) -> None:
        name = prop.head.name
        read = READERS.get(name)
        if read is not None:
            if prop.head.group:
                self.used_groups.add(prop.head.group)
            read(self, prop)
        elif name in MESSENGERS:
            self.composer.add_handle(prop.text(), label=MESSENGERS[name] or self.label(prop))
        elif name in BLOBS:
            self._skip_blob(prop)
        else:
            self._keep(prop)
        if prop.is_damaged:
            self.composer.add_problem(f"Some characters of {name[:40]} could not be read.")

    def _skip_blob(self, prop: Property) -> None:
        if prop.head.encoding == "b" or len(prop.value) > EXTRA_VALUE_MAX:
            self.composer.add_problem(f"The embedded {prop.head.name} was left out.")
        else:
            self._keep(prop)

    def _keep(self, prop: Property) -> None:
        group = f"{prop.head.group}." if prop.head.group else ""
        if prop.head.encoding == "b":
            self.composer.add_problem(f"The embedded {prop.head.name[:40]} was left out.")
        else:
            self.keep(group + prop.head.name, prop.head.params, prop.source().replace("\n", "\\n"))

    def _is_used_label(self, name: str) -> bool:
        group, dot, rest = name.partition(".")
        return bool(dot) and rest in ("X-ABLABEL", "X-ABADR") and group in self.used_groups

    def label(self, prop: Property) -> str:
        """Return the label: Apple's own, else the types, as "home" or "work fax"."""
        own = self.labels.get(prop.head.group) if prop.head.group else None
        return own or prop.head.label or self._android_label(prop)

    def _android_label(self, prop: Property) -> str:
        for key, values in prop.head.params.items():
            if key.startswith("X-CUSTOM("):
                match = ANDROID_LABEL.fullmatch(f"{key}={','.join(values)}")
                if match is not None:
                    data = unquote_to_bytes(match[2].replace("=", "%"))
                    return decode_declared(data, match[1])[0]
        return ""

    def is_primary(self, prop: Property) -> bool:
        return "pref" in prop.head.types or "PREF" in prop.head.params


def _name(reader: CardReader, prop: Property) -> None:
    family, given, *others = [*prop.fields()[:5], "", ""]
    contact = reader.composer.contact
    if contact.given_name or contact.family_name:
        reader._keep(prop)
        return
    reader.composer.set_line("family_name", family)
    reader.composer.set_line("given_name", given)
    if any(others):
        reader._keep(prop)


def _line(field: str) -> Callable[[CardReader, Property], None]:
    def read(reader: CardReader, prop: Property) -> None:
        if getattr(reader.composer.contact, field):
            reader._keep(prop)
        else:
            reader.composer.set_line(field, prop.text())

    return read


def _organization(reader: CardReader, prop: Property) -> None:
    if reader.composer.contact.organization:
        reader._keep(prop)
        return
    name, *units = prop.fields()
    reader.composer.set_line("organization", name)
    reader.composer.set_line("department", ", ".join(unit for unit in units if unit.strip()))


def _email(reader: CardReader, prop: Property) -> None:
    reader.composer.add_email(prop.text(), label=reader.label(prop), is_primary=reader.is_primary(prop))


def _phone(reader: CardReader, prop: Property) -> None:
    number = prop.text()
    if number[:4].lower() == "tel:":
        number = number[4:]
    reader.composer.add_phone(number, label=reader.label(prop), is_primary=reader.is_primary(prop))


def _address(reader: CardReader, prop: Property) -> None:
    box, extended, street, city, region, code, country = (prop.fields() + [""] * 7)[:7]
    reader.composer.add_address(
        label=reader.label(prop),
        street="\n".join(part.strip() for part in (box, extended, street) if part.strip()),
        city=city,
        region=region,
        postal_code=code,
        country=country,
    )


def _url(reader: CardReader, prop: Property) -> None:
    reader.composer.add_url(prop.text(), label=reader.label(prop))


def _social(reader: CardReader, prop: Property) -> None:
    label, value = reader.label(prop), prop.text()
    if value.lower().startswith(("http://", "https://")):
        reader.composer.add_url(value, label=label, kind="social")
    else:
        user = next(iter(prop.head.params.get("X-USER", ())), "")
        reader.composer.add_handle(value if value.lower() != "x-apple:" else user, label=label, kind="social")


def _messenger(reader: CardReader, prop: Property) -> None:
    service = next(iter(prop.head.params.get("X-SERVICE-TYPE", ())), "")
    reader.composer.add_handle(prop.text(), label=service or reader.label(prop))


def _birthday(reader: CardReader, prop: Property) -> None:
    omitted = next(iter(prop.head.params.get("X-APPLE-OMIT-YEAR", ())), "")
    year = int(omitted) if omitted.isascii() and omitted.isdigit() and len(omitted) == 4 else 1604
    if not reader.composer.set_birthday(prop.text(), omit_year=year):
        reader._keep(prop)


def _tags(reader: CardReader, prop: Property) -> None:
    for part in split(prop.source(), ",")[:1_000]:
        reader.composer.add_tag(unescape(part))


def _notes(reader: CardReader, prop: Property) -> None:
    reader.composer.add_notes(prop.text())


def _identity(reader: CardReader, prop: Property) -> None:
    reader.composer.set_external_id(prop.text())


def _kind(reader: CardReader, prop: Property) -> None:
    reader.is_group = reader.is_group or prop.text().strip().lower() in GROUP_KINDS


def _columns(reader: CardReader, prop: Property) -> None:
    """Take back what another source said, as our own export writes it: source, column, value."""
    source, column, value = [*prop.fields(), "", "", ""][:3]
    keep_columns(reader.composer, source, {column: value})


def _photo(reader: CardReader, prop: Property) -> None:
    value = prop.value.strip()
    if value[:5].lower() == "data:":
        head, _, value = value.partition(",")
        if not head.lower().endswith("base64"):
            reader.composer.add_problem("The embedded picture is not in base64 and was left out.")
            return
    elif prop.head.encoding != "b":
        reader.composer.set_photo(url=prop.text())
        return
    content = _decode_picture(reader, value)
    if content:
        reader.composer.set_photo(content=content)


def _decode_picture(reader: CardReader, value: str) -> bytes:
    """Return the bytes of a base64 value, b"" with a problem when it is broken, empty or too large."""
    text = "".join(value.split()).rstrip("=")
    if len(text) * 3 // 4 > reader.limits.max_photo_bytes:
        megabytes = reader.limits.max_photo_bytes / 1_048_576
        reader.composer.add_problem(f"The embedded picture is larger than {megabytes:.0f} MB and was left out.")
        return b""
    try:
        content = binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except (binascii.Error, ValueError):
        reader.composer.add_problem("The embedded picture is damaged (broken base64) and was left out.")
        return b""
    if not content:
        reader.composer.add_problem("The embedded picture is empty.")
    return content


READERS: dict[str, Callable[[CardReader, Property], None]] = {
    "N": _name,
    "FN": _line("display_name"),
    "NICKNAME": _line("nickname"),
    "TITLE": _line("title"),
    "REV": _line("etag"),
    "ORG": _organization,
    "EMAIL": _email,
    "TEL": _phone,
    "ADR": _address,
    "URL": _url,
    "X-SOCIALPROFILE": _social,
    "IMPP": _messenger,
    "BDAY": _birthday,
    "CATEGORIES": _tags,
    "NOTE": _notes,
    "UID": _identity,
    "KIND": _kind,
    "X-ADDRESSBOOKSERVER-KIND": _kind,
    "PHOTO": _photo,
    "X-KITH-EXTRA": _columns,
}
