"""What a person sees of each row before and after it is imported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, QuerySet
from django.utils.text import capfirst

from contacts.models import Contact
from imports.deciding import NOT_WRITTEN
from imports.entries import LISTS, SCALARS
from imports.models import ImportJob, ImportRow
from imports.reasons import Reason

ROWS_ON_PAGE = 50
VALUE_MAX = 300
DECISIONS = tuple(ImportRow.Decision)
UNTOUCHED = "Nobody had changed it since."
HAS_EFFECT = (ImportRow.Decision.CREATE, ImportRow.Decision.UPDATE)


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
        return self.row.outcome in NOT_WRITTEN and (is_left_out or is_doubtful)


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


def read_filter(query: Any) -> PreviewFilter:
    """Return the filter of a query string; nonsense counts as not given."""
    after = str(query.get("after", ""))
    return PreviewFilter(
        decision=str(query.get("decision", ""))[:10],
        reason=str(query.get("reason", ""))[:30],
        undo=str(query.get("undo", ""))[:8],
        undo_reason=str(query.get("undo_reason", ""))[:30],
        after=int(after) if after.isascii() and after.isdigit() and len(after) < 10 else 0,
    )


def page_of(job: ImportJob, chosen: PreviewFilter) -> tuple[list[PreviewRow], int]:
    """Return one page of rows and the position after which the next one begins, 0 at the end."""
    rows = chosen.apply(job.rows.select_related("contact")).filter(position__gt=chosen.after)
    page = list(rows.defer("raw").order_by("position")[: ROWS_ON_PAGE + 1])
    shown = page[:ROWS_ON_PAGE]
    return [present(row, owner_id=job.owner_id) for row in shown], shown[-1].position if len(page) > len(shown) else 0


def count_by_reason(job: ImportJob) -> list[dict[str, Any]]:
    """Return decision, reason, sentence and number of each kind of row, in the order of the decisions."""
    groups = job.rows.exclude(decision="").order_by().values("decision", "reason").annotate(number=Count("pk"))
    listed = [{**group, "sentence": sentence(group["reason"])} for group in groups]
    return sorted(listed, key=lambda group: (DECISIONS.index(group["decision"]), -group["number"]))


def has_been_undone(job: ImportJob) -> bool:
    """Say whether undoing has begun, whatever became of it."""
    return bool(job.reversed or job.kept or job.errored)


def count_undone(job: ImportJob) -> list[dict[str, Any]]:
    """Return bucket, reason, sentence and number of each kind of row that was undone or stayed."""
    groups = job.rows.exclude(undo="").order_by().values("undo", "undo_reason").annotate(number=Count("pk"))
    listed = [{**group, "sentence": sentence(group["undo_reason"]) or UNTOUCHED} for group in groups]
    return sorted(listed, key=lambda group: (list(ImportRow.Undo).index(group["undo"]), -group["number"]))


def present(row: ImportRow, *, owner_id: int) -> PreviewRow:
    contact = row.contact
    return PreviewRow(
        row=row,
        name=str(row.parsed.get("display_name") or "Unreadable"),
        reason=sentence(row.reason),
        undo_reason=sentence(row.undo_reason),
        lines=list(_changed(row.changes) if row.changes else _incoming(row.parsed)),
        problems=[str(problem) for problem in row.parsed.get("problems", [])],
        contact=contact if contact is not None and contact.owner_id == owner_id else None,
    )


def sentence(reason: str) -> str:
    try:
        return Reason(reason).sentence
    except ValueError:
        return reason


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
