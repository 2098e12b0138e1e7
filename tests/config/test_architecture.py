"""What import-linter cannot see: relations between models, and that every admin page looks and guards alike."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.db import models
from unfold.admin import ModelAdmin

from config.admin import SuperuserAdmin
from config.owned_admin import OwnedAdmin, OwnedFields
from contacts import registries
from contacts.models import Contact

# An app may point at models of those to its right; the libraries below are known to all.
LAYERS = [{"imports", "health"}, {"contacts"}, {"media_store"}, {"config"}]
LIBRARIES = {"auth", "contenttypes"}
OURS = sorted(
    (
        model
        for label in set().union(*LAYERS)
        for model in apps.get_app_config(label).get_models(include_auto_created=True)
    ),
    key=lambda model: model._meta.label,
)


def depth(app_label: str) -> int:
    return next(depth for depth, labels in enumerate(LAYERS) if app_label in labels)


def relations_of(model: type[models.Model]) -> list[Any]:
    fields = [*model._meta.local_fields, *model._meta.local_many_to_many]
    return [field for field in fields if field.is_relation]


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_models_point_only_downwards(model: type[models.Model]) -> None:
    own = model._meta.app_label
    for field in relations_of(model):
        other = field.related_model._meta.app_label
        if other not in LIBRARIES and other != own:
            assert depth(other) > depth(own), f"{model._meta.label}.{field.name} points up or sideways at {other}"


def test_every_relation_to_a_contact_follows_a_merge_and_an_erasure() -> None:
    pointing = {
        (model._meta.label, field.name)
        for model in OURS
        for field in relations_of(model)
        if field.related_model is Contact and not field.many_to_many
    }
    assert ("contacts.ContactEmail", "contact") in pointing
    assert pointing <= set(registries.relations)


@pytest.mark.parametrize("model_admin", admin.site._registry.values(), ids=lambda found: found.model._meta.label)
def test_every_admin_is_styled_and_guarded(model_admin: Any) -> None:
    assert isinstance(model_admin, ModelAdmin)
    assert isinstance(model_admin, (OwnedAdmin, SuperuserAdmin))
    assert all(issubclass(inline, OwnedFields) for inline in model_admin.inlines)
    assert model_admin.list_per_page <= 25


def test_every_table_of_ours_says_whose_its_rows_are_or_is_shared_on_purpose() -> None:
    reached_through = {
        "imports.ImportRow": "job",
        "imports.MadeByImport": "job",
        "contacts.UserProfile": "user",
        "contacts.DealStay": "deal",
        "media_store.PartImage": "part",
        "media_store.PartVideo": "part",
    }
    shared = {
        "imports.Revocation",  # outlives its owner, whose id it keeps
        "media_store.Blob",
        "media_store.StoredFile",
        "media_store.Part",
        "media_store.SupportVideo",
        "media_store.PhotoHost",
        "media_store.FailedAddress",
        "media_store.MediaMove",
        "contacts.DealStage",
    }
    for model in OURS:
        label = model._meta.label
        if model._meta.app_label in ("config", "health") or model._meta.auto_created or label in shared:
            continue
        names = {field.name for field in relations_of(model)}
        assert "owner" in names or reached_through.get(label) in names, f"{label} has no owner"


def test_the_application_imports_only_what_the_base_requirements_install() -> None:
    installed = set(
        re.findall(r"^([a-z0-9._-]+)==", (settings.BASE_DIR / "requirements/base.txt").read_text(), re.M)
    ) | {"imap-tools"}
    ours = {"config", "samples", "bench", "tests"} | set().union(*LAYERS)
    distributions = packages_distributions()
    imported = {name: file for file in application_files() for name in imported_by(file)}
    for name, file in imported.items():
        if name in ours or name in sys.stdlib_module_names:
            continue
        packages = {package.lower().replace("_", "-") for package in distributions.get(name, [])}
        assert packages & installed, f"{file} imports {name}, which requirements/base.txt does not install"


def application_files() -> list[Path]:
    return [file for label in set().union(*LAYERS) for file in (settings.BASE_DIR / label).rglob("*.py")]


def imported_by(file: Path) -> set[str]:
    """Return the names of the packages that a file imports, wherever in it that is."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found
