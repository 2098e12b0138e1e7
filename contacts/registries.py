"""What the apps above `contacts` add to a contact: panels on its page, and what becomes of their rows.

Filled in AppConfig.ready. A model with a relation to Contact and no entry in `relations` fails a test.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models
from django.http import HttpRequest

from contacts import moving
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

    A merge moves the rows of the loser to the survivor. `twin` is the SQL condition, over the aliases `item` and
    `twin`, under which a row of the survivor stands for one of the loser's, which then goes; with `is_dropped` all of
    the loser's go. Rows that go are kept in the merge's journal. `merged(contact_ids)` is told the survivors after it,
    `unmerged(contact_ids)` the contacts that are on their own again. `erase(contact_ids)` leaves nothing of these
    contacts behind. All run in the caller's transaction.
    """

    model: type[models.Model]
    field: str
    erase: Callable[[ContactIds], None]
    twin: str = "false"
    is_dropped: bool = False
    merged: Callable[[ContactIds], None] | None = None
    unmerged: Callable[[ContactIds], None] | None = None

    @property
    def name(self) -> str:
        return f"{self.model._meta.label}.{self.field}"

    def merge(self, loser_ids: ContactIds, survivor_id: UUID) -> None:
        """Let the rows of each loser follow to the survivor, in the caller's transaction, without a journal."""
        for loser_id in loser_ids:
            moving.move(self, {loser_id: survivor_id})
        if self.merged:
            self.merged([survivor_id])


@dataclass(frozen=True)
class Origin:
    """Where one value of a contact came from.

    `field` is a field of the contact or the name of a relation; `value` is the value of a field, or the text by which
    a row is known (`contacts.provenance` lists them); `label` says in plain words from where, `url` leads there.
    """

    field: str
    value: str
    label: str
    at: datetime | None
    url: str = ""


panels: list[Panel] = []
relations: dict[tuple[str, str], ContactRelation] = {}
origins: list[Callable[[Contact], Iterable[Origin]]] = []


def register_panel(panel: Panel) -> None:
    panels.append(panel)
    panels.sort(key=lambda known: (known.position, known.title))


def register_relation(relation: ContactRelation) -> None:
    relations[relation.model._meta.label, relation.field] = relation


def register_origins(source: Callable[[Contact], Iterable[Origin]]) -> None:
    """Add a source of origins for the panel "Where this comes from"; it gives the oldest first."""
    origins.append(source)


def panels_for(contact: Contact, request: HttpRequest) -> list[dict[str, Any]]:
    """Return title, template and context of each panel that has something to say about `contact`."""
    shown = []
    for panel in panels:
        context = panel.context(contact, request)
        if context is not None:
            shown.append({"title": panel.title, "template": panel.template, "context": context})
    return shown
