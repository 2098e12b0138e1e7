"""What a person sees of each row before and after it is imported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, QuerySet
from django.utils.text import capfirst

from contacts.models import Contact
from imports.deciding import NO_ENTRY, NOT_WRITTEN
from imports.entries import LISTS, SCALARS
from imports.models import ImportJob, ImportRow
from imports.reasons import Reason, sentence_of

ROWS_ON_PAGE = 50
VALUE_MAX = 300
CODE_MAX = 30
DECISIONS = tuple(ImportRow.Decision)
UNTOUCHED = "Nobody had changed it since."
HAS_EFFECT = (ImportRow.Decision.CREATE, ImportRow.Decision.UPDATE)
DOUBTFUL = (Reason.SHARED_ADDRESS, Reason.CONFLICT, Reason.DESELECTED)


@dataclass(frozen=True)
class Line:
    """One field of a row: what stands there and what the import writes; each may be empty."""

    label: str
    old: str
    new: str


@dataclass
class PreviewRow:
    """A row as the table shows it; `contact` is the matched one, where it exists and belongs to the job's owner."""

    row: ImportRow
    name: str
    reason: str
    lines: list[Line] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    contact: Contact | None = None
    undo_reason: str = ""

    @property
    def is_selectable(self) -> bool:
        return self.row.decision in HAS_EFFECT

    @property
    def is_decidable(self) -> bool:
        """Say whether "import anyway" or "merge" would be something else than the plan, or than what was done."""
        is_left_out = self.row.decision == ImportRow.Decision.SKIP or self.row.outcome == ImportRow.Outcome.SKIPPED
        is_doubtful = self.row.reason in (Reason.SHARED_ADDRESS, Reason.CONFLICT)
        is_there = self.row.reason not in NO_ENTRY
        return is_there and self.row.outcome in NOT_WRITTEN and (is_left_out or is_doubtful)


@dataclass(frozen=True)
class Group:
    """Rows of a job that were decided, or undone, alike and for the same reason; `kind` is decision or undo."""

    kind: str
    state: ImportRow.Decision | ImportRow.Undo
    reason: str
    number: int

    @property
    def sentence(self) -> str:
        return sentence_of(self.reason) or (UNTOUCHED if self.kind == "undo" else "")

    @property
    def query(self) -> str:
        """The query string of the page with just these rows."""
        return urlencode({self.kind: self.state, "reason" if self.kind == "decision" else "undo_reason": self.reason})

    @property
    def has_effect(self) -> bool:
        return self.state in HAS_EFFECT

    @property
    def is_decidable(self) -> bool:
        """Say whether such rows can be imported otherwise than planned, or after all."""
        return self.reason not in NO_ENTRY and (self.state == ImportRow.Decision.SKIP or self.reason in DOUBTFUL)


@dataclass(frozen=True)
class PreviewFilter:
    """What part of the rows is shown; empty strings mean all. `after` is the last position of the page before."""

    decision: str = ""
    reason: str = ""
    after: int = 0
    undo: str = ""
    undo_reason: str = ""

    def apply(self, rows: QuerySet[ImportRow]) -> QuerySet[ImportRow]:
        if self.undo in ImportRow.Undo.values:
            rows = rows.filter(undo=self.undo)
        if self.undo_reason:
            rows = rows.filter(undo_reason=self.undo_reason)
        if self.decision in DECISIONS:
            rows = rows.filter(decision=self.decision)
        return rows.filter(reason=self.reason) if self.reason else rows

    def is_of(self, group: Group) -> bool:
        """Say whether exactly these rows are shown."""
        if group.kind == "undo":
            return (self.undo, self.undo_reason) == (group.state, group.reason)
        return not self.undo and (self.decision, self.reason) == (group.state, group.reason)


def read_filter(query: Any) -> PreviewFilter:
    """Return the filter of a query string; nonsense counts as not given."""
    after = str(query.get("after", ""))
    return PreviewFilter(
        decision=_code(query, "decision"),
        reason=_code(query, "reason"),
        undo=_code(query, "undo"),
        undo_reason=_code(query, "undo_reason"),
        after=int(after) if after.isascii() and after.isdigit() and len(after) < 10 else 0,
    )


def _code(query: Any, name: str) -> str:
    value = str(query.get(name, ""))
    return value if value.isidentifier() and len(value) <= CODE_MAX else ""


def page_of(job: ImportJob, chosen: PreviewFilter) -> tuple[list[PreviewRow], int]:
    """Return one page of rows and the position after which the next one begins, 0 at the end."""
    rows = chosen.apply(job.rows.select_related("contact")).filter(position__gt=chosen.after)
    page = list(rows.defer("raw").order_by("position")[: ROWS_ON_PAGE + 1])
    shown = page[:ROWS_ON_PAGE]
    return [present(row, owner_id=job.owner_id) for row in shown], shown[-1].position if len(page) > len(shown) else 0


def count_by_reason(job: ImportJob) -> list[Group]:
    """Return the kinds of rows, in the order of the decisions, each with the most frequent reasons first."""
    rows = job.rows.exclude(decision="").order_by().values_list("decision", "reason").annotate(number=Count("pk"))
    return _sorted(Group("decision", ImportRow.Decision(state), reason, number) for state, reason, number in rows)


def has_been_undone(job: ImportJob) -> bool:
    """Say whether undoing has begun, whatever became of it."""
    return bool(job.reversed or job.kept or job.errored)


def count_undone(job: ImportJob) -> list[Group]:
    """Return the kinds of rows that were undone or stayed; none before undoing has begun."""
    if not has_been_undone(job):
        return []
    rows = job.rows.exclude(undo="").order_by().values_list("undo", "undo_reason").annotate(number=Count("pk"))
    return _sorted(Group("undo", ImportRow.Undo(state), reason, number) for state, reason, number in rows)


def _sorted(groups: Iterable[Group]) -> list[Group]:
    return sorted(groups, key=lambda group: (type(group.state).values.index(group.state), -group.number))


def present(row: ImportRow, *, owner_id: int) -> PreviewRow:
    contact = row.contact
    return PreviewRow(
        row=row,
        name=str(row.parsed.get("display_name") or "Unreadable"),
        reason=sentence_of(row.reason),
        undo_reason=sentence_of(row.undo_reason),
        lines=list(_changed(row.changes) if row.changes else _incoming(row.parsed)),
        problems=[str(problem) for problem in row.parsed.get("problems", [])],
        contact=contact if contact is not None and contact.owner_id == owner_id else None,
    )


def _changed(changes: dict[str, Any]) -> Iterator[Line]:
    for name, values in changes.get("fields", {}).items():
        if name != "sort_name":
            yield Line(_label(name), _text(values.get("old")), _text(values.get("new")))
    for kind in LISTS:
        for entry in changes.get(kind, []):
            yield Line(_label(kind), "", _entry(entry))
    if changes.get("photo"):
        yield Line("Photo", "", "a new picture")


def _incoming(parsed: dict[str, Any]) -> Iterator[Line]:
    for name in SCALARS:
        if name != "display_name" and parsed.get(name):
            yield Line(_label(name), "", _text(parsed[name]))
    for kind in LISTS:
        for entry in parsed.get(kind, []):
            yield Line(_label(kind), "", _entry(entry))


def _entry(entry: Any) -> str:
    if not isinstance(entry, dict):
        return _text(entry)
    parts = [
        entry.get(name) for name in ("address", "raw", "value", "street", "postal_code", "city", "region", "country")
    ]
    label = f" ({entry['label']})" if entry.get("label") else ""
    return _text(", ".join(str(part) for part in parts if part)) + label


def _text(value: Any) -> str:
    if isinstance(value, dict):
        value = ", ".join(f"{name}: {inner}" for name, inner in value.items())
    text = "" if value is None else str(value)
    return text if len(text) <= VALUE_MAX else text[:VALUE_MAX] + "…"


def _label(name: str) -> str:
    return str(
        capfirst(name.replace("_", " ").removesuffix("s") if name in LISTS and name != "addresses" else name)
    ).replace("_", " ")
