"""Rows that say one word in every column that can say anything, made from the models, and where that word is found."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import models
from django.utils import timezone

from config.backup import programs
from contacts.identifiers import uuid7
from contacts.models import Contact, Deal, DealStage, DuplicateSuggestion, Organization, Tag
from health.models import AlertRule
from imports.models import ImportJob
from media_store.models import BLOB_LIMIT
from tests.factories import make_contact

OURS = ("config", "media_store", "contacts", "imports", "health")

_numbers = itertools.count(1)

# What a row of a contact points at without being about them: it stays, and so would the word.
SHARED: dict[type[models.Model], Callable[[User], models.Model]] = {
    Deal: lambda owner: Deal.objects.create(
        owner=owner, name="Renewal", stage=DealStage.objects.get_or_create(name="Open")[0]
    ),
    AlertRule: lambda owner: AlertRule.objects.get_or_create(name="Silent", metric="days_silent", severity="info")[0],
}

# Columns without choices that only ever hold codes of ours.
CODES = {"imports.ImportRow.undo_reason"}


@dataclass
class Marked:
    """A contact whose rows all say `word`; `columns` are those that do, as app.Model.field."""

    owner: User
    word: str
    contact: Contact = field(init=False)
    columns: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.contact = self.make(Contact)

    def make(self, model: type[models.Model], **given: Any) -> Any:
        """Make a row of `model`, with the word wherever the model takes text and nothing is given."""
        values = dict(given)
        for column in model._meta.local_concrete_fields:
            is_code = f"{model._meta.label}.{column.name}" in CODES
            if column.name in values or is_code or column.auto_created or isinstance(column, models.AutoField):
                continue
            value = self._value(column)
            if value is not None:
                values[column.name] = value
        return model._default_manager.create(**values)

    def say(self, column: Any) -> str:
        self.columns.add(f"{column.model._meta.label}.{column.name}")
        return f"{self.word} {column.name} {next(_numbers)}"[: column.max_length]

    def _value(self, column: Any) -> Any:
        if column.is_relation:
            return self._target(column)
        if isinstance(column, models.FileField):
            return self._file(column)
        if isinstance(column, models.JSONField):
            return [self.say(column)] if column.default is list else {self.word: self.say(column)}
        if isinstance(column, ArrayField):
            inner = column.base_field
            return [self.say(column)[: inner.max_length]] if isinstance(inner, models.CharField) else []
        if isinstance(column, (models.CharField, models.TextField)):
            return self._text(column)
        return None if column.null or column.has_default() or column.has_db_default() else _plain(column)

    def _text(self, column: Any) -> Any:
        if column.choices:
            return None if column.has_default() else column.choices[0][0]
        if column.has_default() and column.get_default():
            return None
        too_short = column.max_length is not None and column.max_length < len(self.word)
        return None if too_short else self.say(column)

    def _target(self, column: Any) -> Any:
        target = column.related_model
        if target is User:
            return self.owner
        if target is Contact:
            return self.contact
        if target in SHARED:
            return None if column.null else SHARED[target](self.owner)
        if target is ImportJob:
            return self._import_job()
        if target is Organization and column.model is Contact:
            return Organization.objects.create(owner=self.owner, name=f"{self.word} organization")
        return None if column.null else self.make(target)

    def _import_job(self) -> ImportJob:
        """Of an import only the file, its name and the last error speak of one person."""
        upload = ImportJob._meta.get_field("upload")
        return ImportJob.objects.create(
            owner=self.owner,
            provider="vcard",
            state="completed",
            upload=self._file(upload),
            upload_name=f"{self.contact.display_name}.vcf",
        )

    def _file(self, column: Any) -> str:
        """Store a file that says the word, by turns one for the database and one for the files tier."""
        number = next(_numbers)
        size = BLOB_LIMIT if number % 2 else 1_000
        content = f"{self.say(column)} {number} ".encode() * (size // 20)
        return default_storage.save(f"o{self.owner.pk}/marked/{self.word}-{number}", ContentFile(content))


def mark_everything(owner: User, word: str) -> Marked:
    """Make a contact with a marked row of every model that points at one, and of every model that points at those."""
    marked = Marked(owner, word)
    contact = marked.contact
    contact.tags.add(Tag.objects.create(owner=owner, name=word))
    for model in pointing_at(Contact):
        if model is DuplicateSuggestion:
            first, second = sorted([contact, make_contact(owner, "Bo Example")], key=lambda found: found.pk)
            row = marked.make(model, first=first, second=second, strength=50, reasons=["email"])
        elif model._meta.auto_created:
            continue
        else:
            row = marked.make(model, **dict.fromkeys(names_of(model, Contact), contact))
        for child in pointing_at(model):
            if child is not model and not names_of(child, Contact):
                marked.make(child, **dict.fromkeys(names_of(child, model), row))
    return marked


def pointing_at(target: type[models.Model]) -> Iterator[type[models.Model]]:
    for label in OURS:
        for model in apps.get_app_config(label).get_models(include_auto_created=True):
            if names_of(model, target):
                yield model


def names_of(model: type[models.Model], target: type[models.Model]) -> list[str]:
    fields = model._meta.local_concrete_fields
    return [column.name for column in fields if column.is_relation and column.related_model is target]


def _plain(column: Any) -> Any:
    if isinstance(column, models.DateTimeField):
        return timezone.now()
    if isinstance(column, models.DateField):
        return timezone.localdate()
    return uuid7() if isinstance(column, models.UUIDField) else 1


def dump(path: Path) -> str:
    """Return a whole dump of the test database, as SQL."""
    tools = programs.find_programs(oldest=programs.server_major(), wanted=programs.server_major())
    programs.run([tools.pg_dump, "--format=plain", f"--file={path}"])
    return path.read_text(encoding="utf-8", errors="replace")


def lines_with(text: str, word: str) -> list[str]:
    """Return the lines that say the word: as text in any case, as hexadecimal digits, or inside base64."""
    insides = _in_base64(word)
    return [
        line[:200]
        for line in text.splitlines()
        if word.casefold() in (low := line.casefold())
        or word.encode().hex() in low
        or any(inside in line for inside in insides)
    ]


def _in_base64(word: str) -> list[str]:
    """Return what stands in base64 wherever the word begins: without the characters that its neighbours decide too."""
    found = []
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + word.encode()).decode()
        whole = (before + len(word)) // 3 * 4
        found.append(encoded[-(-before * 4 // 3) if before else 0 : whole])
    return found


def files_with(word: str) -> list[str]:
    """Return the names of the files of the tier whose name or bytes say the word."""
    folder = Path(settings.MEDIA_DIR)
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if word in path.name or (path.is_file() and word.encode() in path.read_bytes())
    ]
