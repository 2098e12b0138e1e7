"""Remember what the columns of a CSV file mean, and know it again at the next file with the same columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils import timezone

from contacts.normalizing import normalize_email
from imports.models import MappingPreset
from imports.readers.csv import CsvLayout
from imports.readers.csv_words import normal_header

NAME_MAX = 100
IGNORE = "ignore"
ENOUGH = 0.6
PHONE = re.compile(r"\+?[\d\s()./-]{7,25}")
WEB = re.compile(r"https?://\S+", re.IGNORECASE)
DATE = re.compile(r"\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{4}")


def remember(owner_id: int, layout: CsvLayout, mapping: Mapping[str, str], *, name: str) -> MappingPreset:
    """Keep the mapping for files with these columns; one that was kept for them before is replaced, its name stays."""
    with transaction.atomic():
        known = MappingPreset.objects.filter(owner_id=owner_id, fingerprint=layout.fingerprint).first()
        values = {"mapping": dict(mapping), "used_at": timezone.now()}
        preset, _ = MappingPreset.objects.update_or_create(
            owner_id=owner_id,
            fingerprint=layout.fingerprint,
            defaults=values,
            create_defaults={**values, "name": known.name if known else _free_name(owner_id, name, layout.fingerprint)},
        )
    return preset


def find(owner_id: int, layout: CsvLayout) -> MappingPreset | None:
    """Return the owner's preset for a file with these columns."""
    return MappingPreset.objects.filter(owner_id=owner_id, fingerprint=layout.fingerprint).first()


def apply(preset: MappingPreset, header: Sequence[str]) -> dict[str, str]:
    """Return header -> field for this file; columns are known by their names whatever their case and punctuation."""
    fields = {normal_header(title): field for title, field in preset.mapping.items()}
    return {title: fields[normal_header(title)] for title in header if normal_header(title) in fields}


def guess(layout: CsvLayout) -> dict[str, str]:
    """Return header -> field by the names of the columns, and where these say nothing by what stands in them."""
    mapping = dict(layout.mapping)
    for place, title in enumerate(layout.header):
        values = [row[place].strip() for row in layout.sample_rows if place < len(row) and row[place].strip()]
        if title not in mapping and (field := _field_of(values)):
            mapping[title] = field
    return mapping


def _field_of(values: Sequence[str]) -> str:
    """Return the field that most of the values look like, "" for none."""
    looks = {
        "email": sum("@" in value and bool(normalize_email(value)[1]) for value in values),
        "url": sum(bool(WEB.fullmatch(value)) for value in values),
        "birthday": sum(bool(DATE.fullmatch(value)) for value in values),
        "phone": sum(bool(PHONE.fullmatch(value)) and not DATE.fullmatch(value) for value in values),
    }
    field, number = max(looks.items(), key=lambda look: look[1])
    return field if values and number >= ENOUGH * len(values) else ""


def _free_name(owner_id: int, name: str, fingerprint: str) -> str:
    name = name.rpartition(".")[0][: NAME_MAX - 10].strip() or "Columns"
    is_taken = MappingPreset.objects.filter(owner_id=owner_id, name=name).exists()
    return f"{name} ({fingerprint[:6]})" if is_taken else name
