"""Whose CSV it is, and which column is which field."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Literal

from imports.readers.csv_words import GENERIC, OUTLOOK, normal_header

LayoutName = Literal["google", "google_old", "outlook", "apple", "linkedin", "unknown"]

GOOGLE_NUMBERED = re.compile(r"(e mail|phone|address|website|im|social|organization) (\d{1,2}) (.+)")
GOOGLE_VALUES = {"e mail": "email", "phone": "phone", "website": "url", "im": "im", "social": "social"}
ADDRESS_PARTS = {
    "street": "street",
    "extended address": "extended",
    "po box": "po_box",
    "city": "city",
    "region": "region",
    "postal code": "postal_code",
    "country": "country",
    "formatted": "formatted",
    "label": "label",
    "type": "label",
}
GOOGLE = {
    "first name": "given_name",
    "given name": "given_name",
    "middle name": "middle_name",
    "additional name": "middle_name",
    "last name": "family_name",
    "family name": "family_name",
    "name": "display_name",
    "nickname": "nickname",
    "organization name": "organization",
    "organization title": "title",
    "organization department": "department",
    "birthday": "birthday",
    "notes": "notes",
    "photo": "photo",
    "labels": "tags",
    "group membership": "tags",
    # The columns that our own export adds.
    "kith id": "external_id",
    **{f"kith data{number}": "data" for number in ("", *(f" {number}" for number in range(2, 12)))},
}
ORGANIZATION = {"name": "organization", "title": "title", "department": "department"}
LINKEDIN = {
    "first name": "given_name",
    "last name": "family_name",
    "url": "social.LinkedIn",
    "email address": "email",
    "company": "organization",
    "position": "title",
}
# Names and labels of one column: "Home Email", "Email (work)", "Phone : iPhone".
LABELLED = re.compile(
    r"(?:(?P<before>home|work|mobile|cell|iphone|other|main|personal|business|school|private) )?"
    r"(?P<kind>e ?mail(?: address)?|mail|phone(?: number)?|tel|telephone|fax|mobile|cell|iphone)"
    r"(?: (?P<after>home|work|mobile|cell|iphone|other|main|personal|business|school|private|fax))?(?: \d{1,2})?"
)
APPLE_PHONES = re.compile(r"(?:phone )?iphone|iphone(?: phone)?")
OUTLOOK_EMAIL = frozenset(
    ("e mail address", "e mail 2 address", "e mail adresse", "adresse de messagerie", "dirección de correo electrónico")
)


def fingerprint(header: Sequence[str]) -> str:
    """Return what tells one set of columns from another, whatever their order, as 64 hex digits."""
    return hashlib.sha256("\n".join(sorted(map(normal_header, header))).encode()).hexdigest()


def recognize(header: Sequence[str]) -> LayoutName:
    """Return whose export has these columns."""
    names = set(map(normal_header, header))
    if "given name" in names and names & {"group membership", "e mail 1 type", "e mail 1 value", "phone 1 value"}:
        return "google_old"
    if "first name" in names and names & {"e mail 1 label", "e mail 1 value", "phone 1 label", "phone 1 value"}:
        return "google"
    if {"first name", "labels", "file as"} <= names:
        return "google"
    if {"first name", "last name", "position", "connected on"} <= names:
        return "linkedin"
    if names & OUTLOOK_EMAIL and sum(name in OUTLOOK for name in names) >= 6:
        return "outlook"
    if {"first name", "last name"} <= names and any(APPLE_PHONES.fullmatch(name) for name in names):
        return "apple"
    return "unknown"


def guess(header: Sequence[str], *, layout: LayoutName) -> dict[str, str]:
    """Return header -> field for the columns whose meaning is known or likely; the others are not in it."""
    mapping: dict[str, str] = {}
    for name in header:
        field = field_of(normal_header(name), layout=layout)
        if field:
            mapping.setdefault(name, field)
    return mapping


def field_of(name: str, *, layout: LayoutName) -> str:
    """Return the field of one normalised header, "" when there is none."""
    if layout in ("google", "google_old"):
        return GOOGLE.get(name) or _google_numbered(name)
    if layout == "linkedin":
        return LINKEDIN.get(name, "")
    if layout == "outlook":
        return OUTLOOK.get(name, "")
    return GENERIC.get(name) or OUTLOOK.get(name) or _google_numbered(name) or _labelled(name)


def _google_numbered(name: str) -> str:
    match = GOOGLE_NUMBERED.fullmatch(name)
    if match is None:
        return ""
    kind, number, part = match.groups()
    if kind == "organization":
        return ORGANIZATION.get(part, "") if number == "1" else ""
    if kind == "address":
        return f"address#{number}.{ADDRESS_PARTS[part]}" if part in ADDRESS_PARTS else ""
    if part in ("label", "type", "service"):
        return f"{GOOGLE_VALUES[kind]}#{number}.label"
    return f"{GOOGLE_VALUES[kind]}#{number}" if part == "value" else ""


def _labelled(name: str) -> str:
    match = LABELLED.fullmatch(name)
    if match is None:
        return ""
    kind, label = match["kind"], match["before"] or match["after"] or ""
    label = {"cell": "mobile", "business": "work", "private": "home", "personal": "home"}.get(label, label)
    if "mail" in kind:
        return f"email.{label}" if label in ("home", "work", "other") else "email"
    if kind in ("mobile", "cell", "iphone"):
        return "phone.mobile"
    if kind == "fax" or label == "fax":
        return "phone.fax"
    label = "mobile" if label == "iphone" else label
    return f"phone.{label}" if label in ("home", "work", "mobile", "main", "other") else "phone"
