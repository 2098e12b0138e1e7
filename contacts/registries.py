"""What the apps above `contacts` add to a contact: panels on its page, and what becomes of their rows and traces.

Filled in AppConfig.ready. A model with a relation to Contact and no entry in `relations` fails a test; so does a text
column that still says something of a contact after it was erased (tests/contacts/test_erasing_marker.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models.expressions import RawSQL
from django.http import HttpRequest

from contacts import moving
from contacts.models import Contact, Deal

ContactIds = Collection[UUID]


@dataclass(frozen=True)
class Panel:
    """A box on the page of a contact or deal: `context(row, request)` fills `template`; None leaves the box out."""

    title: str
    template: str
    context: Callable[[Any, HttpRequest], dict[str, Any] | None]
    position: int = 100


@dataclass(frozen=True)
class ContactRelation:
    """How one relation to Contact follows when contacts are merged or erased.

    A merge moves the rows of the loser to the survivor. `twin` is the SQL condition, over the aliases `item` and
    `twin`, under which a row of the survivor stands for one of the loser's, which then goes; with `is_dropped` all of
    the loser's go. Rows that go are kept in the merge's journal. `merged(contact_ids)` is told the survivors after it,
    `unmerged(contact_ids)` the contacts that are on their own again. `erase(contact_ids)` leaves nothing of these
    contacts behind; `find(contact_ids)` returns the rows that it would delete or empty, by default those that point at
    them. `label` is what people call the rows, in the plural. All run in the caller's transaction.
    """

    model: type[models.Model]
    field: str
    erase: Callable[[ContactIds], None]
    twin: str = "false"
    is_dropped: bool = False
    merged: Callable[[ContactIds], None] | None = None
    unmerged: Callable[[ContactIds], None] | None = None
    find: Callable[[ContactIds], models.QuerySet[Any]] | None = None
    label: str = ""

    @property
    def name(self) -> str:
        return f"{self.model._meta.label}.{self.field}"

    @property
    def title(self) -> str:
        return self.label or str(self.model._meta.verbose_name_plural)

    def rows(self, contact_ids: ContactIds) -> models.QuerySet[Any]:
        """Return the rows of these contacts, as `find` says."""
        if self.find:
            return self.find(contact_ids)
        return self.model._default_manager.filter(**{f"{self.field}__in": among(contact_ids)})

    def merge(self, loser_ids: ContactIds, survivor_id: UUID) -> None:
        """Let the rows of each loser follow to the survivor, in the caller's transaction, without a journal."""
        for loser_id in loser_ids:
            moving.move(self, {loser_id: survivor_id})
        if self.merged:
            self.merged([survivor_id])


@dataclass(frozen=True)
class Erased:
    """Who is being erased: ids, owners, and the `words` by which they are known: names, addresses, numbers, links."""

    contact_ids: frozenset[UUID]
    owner_ids: frozenset[int]
    words: frozenset[str]


@dataclass(frozen=True)
class Trace:
    """A place that may speak of a contact without pointing at it: a log, a queue, a cache, an uploaded file.

    `erase(erased)` takes out what is about them and `find(erased)` says in how many places; both run in the caller's
    transaction, while the contacts and all their rows are still there. Only an erasure calls them, no mere deletion.
    `title` is what people call the places, in the plural.
    """

    title: str
    find: Callable[[Erased], int]
    erase: Callable[[Erased], None]


@dataclass(frozen=True)
class Origin:
    """Where one value of a contact came from.

    `field` is a field of the contact or the name of a relation; `value` is the value of a field, or the text by which
    a row is known (`contacts.provenance` lists them); `label` says in plain words from where, `url` leads there.
    `is_choice` says that a person has decided on it, as in a merge: else it cannot be why a locked field is as it is.
    """

    field: str
    value: str
    label: str
    at: datetime | None
    url: str = ""
    is_choice: bool = False


def among(contact_ids: ContactIds) -> RawSQL:
    """Return what stands for these ids in a lookup by `__in`: one parameter.

    A list is a parameter for each, and with some thousands of them taking the statement apart is most of its work. As
    text, because an array is escaped value by value.
    """
    return RawSQL("select unnest(%s::uuid[])", [f"{{{','.join(map(str, contact_ids))}}}"])


panels: list[Panel] = []
deal_panels: list[Panel] = []
relations: dict[tuple[str, str], ContactRelation] = {}
traces: list[Trace] = []
origins: list[Callable[[Contact], Iterable[Origin]]] = []


def register_panel(panel: Panel) -> None:
    panels.append(panel)
    panels.sort(key=lambda known: (known.position, known.title))


def register_deal_panel(panel: Panel) -> None:
    deal_panels.append(panel)
    deal_panels.sort(key=lambda known: (known.position, known.title))


def register_relation(relation: ContactRelation) -> None:
    relations[relation.model._meta.label, relation.field] = relation


def register_trace(trace: Trace) -> None:
    if trace not in traces:
        traces.append(trace)


def register_origins(source: Callable[[Contact], Iterable[Origin]]) -> None:
    """Add a source of origins for the panel "Where this comes from"; it gives the oldest first."""
    origins.append(source)


def panels_for(row: Contact | Deal, request: HttpRequest) -> list[dict[str, Any]]:
    """Return title, template and context of each panel that has something to say about a contact or deal."""
    shown = []
    for panel in deal_panels if isinstance(row, Deal) else panels:
        context = panel.context(row, request)
        if context is not None:
            shown.append({"title": panel.title, "template": panel.template, "context": context})
    return shown
