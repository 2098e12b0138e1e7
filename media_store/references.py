"""Who uses a stored file: every file field of every model whose storage is ours, and the columns that apps enter."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.core.files.storage import default_storage, storages
from django.db import models
from django.db.models import F, Q, QuerySet

from media_store.models import PhotoJob, StoredFile
from media_store.storage import HybridStorage

PAGE = 1_000


@dataclass(frozen=True)
class Reference:
    """A column that holds names of stored files; empty means none."""

    model: type[models.Model]
    column: str
    condition: Q = field(default_factory=Q)

    def rows(self) -> QuerySet[Any]:
        """Return the rows whose column holds a name."""
        return self.model._base_manager.filter(self.condition).exclude(**{self.column: ""})

    def __str__(self) -> str:
        return f"{self.model._meta.label_lower}.{self.column}"


_entered: list[Reference] = []


def register_reference(model: type[models.Model], field: str, *, condition: Q | None = None) -> None:
    """Enter a text column with names of stored files, in the rows that meet `condition`; from AppConfig.ready.

    File fields are found without it. A file that no reference names is collected: a column that is left out here loses
    its files.
    """
    reference = Reference(model, field, condition or Q())
    if reference not in _entered:
        _entered.append(reference)


def references() -> list[Reference]:
    """Return all columns that hold names of stored files."""
    found = [
        Reference(model, field.name)
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, models.FileField) and _is_ours(field.storage) and not model._meta.proxy
    ]
    stored = Q(source_kind=PhotoJob.SourceKind.STORED)
    return [*found, Reference(PhotoJob, "source_ref", stored), *_entered]


def unreferenced(files: QuerySet[StoredFile]) -> QuerySet[StoredFile]:
    """Return those of `files` whose name stands in no column."""
    for reference in references():
        users = reference.rows().filter(**{reference.column: models.OuterRef("name")})
        files = files.filter(~models.Exists(users))
    return files


def dangling(reference: Reference) -> Iterator[tuple[Any, str]]:
    """Give (primary key, name) of the rows that name a file which is not there or is marked as deleted."""
    live = StoredFile.objects.live().filter(name=models.OuterRef(reference.column))
    rows = reference.rows().filter(~models.Exists(live)).annotate(stored_name=F(reference.column))
    yield from rows.order_by("pk").values_list("pk", "stored_name").iterator(chunk_size=PAGE)


def users_of(name: str) -> Iterator[tuple[Reference, Any]]:
    """Give the rows that name this file."""
    for reference in references():
        for row in reference.rows().filter(**{reference.column: name})[:PAGE]:
            yield reference, row


def names_in_use(names: Collection[str]) -> set[str]:
    """Return those of `names` that stand in some column."""
    found: set[str] = set()
    for reference in references():
        rows = reference.rows().filter(**{f"{reference.column}__in": list(names)})
        found.update(str(name) for name in rows.values_list(reference.column, flat=True))
    return found


def _is_ours(storage: Any) -> bool:
    return storage is default_storage or storage is storages["default"] or isinstance(storage, HybridStorage)
