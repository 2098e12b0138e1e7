"""What the apps above `contacts` add to a contact: panels on its page, and what becomes of their rows.

Filled in AppConfig.ready. A model with a relation to Contact and no entry in `relations` fails a test.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import models
from django.http import HttpRequest

from contacts.models import Contact

ContactIds = Collection[UUID]


@dataclass(frozen=True)
class Panel:
    """A box on the contact page: `context(contact, request)` fills `template`; None leaves the box out."""

    title: str
    template: str
    context: Callable[[Contact, HttpRequest], dict[str, Any] | None]
    position: int = 100


@dataclass(frozen=True)
class ContactRelation:
    """How one relation to Contact follows when contacts are merged or erased.

    `merge(loser_ids, survivor_id)` moves the rows of the losers to the survivor; `erase(contact_ids)` leaves nothing
    of these contacts behind. Both run in the caller's transaction.
    """

    model: type[models.Model]
    field: str
    merge: Callable[[ContactIds, UUID], None]
    erase: Callable[[ContactIds], None]


panels: list[Panel] = []
relations: dict[tuple[str, str], ContactRelation] = {}


def register_panel(panel: Panel) -> None:
    panels.append(panel)
    panels.sort(key=lambda known: (known.position, known.title))


def register_relation(relation: ContactRelation) -> None:
    relations[relation.model._meta.label, relation.field] = relation


def panels_for(contact: Contact, request: HttpRequest) -> list[dict[str, Any]]:
    """Return title, template and context of each panel that has something to say about `contact`."""
    shown = []
    for panel in panels:
        context = panel.context(contact, request)
        if context is not None:
            shown.append({"title": panel.title, "template": panel.template, "context": context})
    return shown
