"""Second step of an import: decide what becomes of every row. The plan is the preview, and is executed as it stands."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count
from django.db.models.functions import Now

from config.jobs.draining import Budget
from config.jobs.leases import fenced
from config.jobs.settling import Settlement, progressed, settle
from contacts.matching import name_words, names_agree
from imports.comparing import compare, load_current
from imports.duplicates import join_duplicates, take_over_values
from imports.entries import Parsed
from imports.matching import Match, choose, find_candidates, names_of, rows_in_use
from imports.merging import unite
from imports.models import ImportJob, ImportRow
from imports.reasons import Reason
from imports.turns import must_wait_to_plan, waiting

Decision = ImportRow.Decision

PAGE_ROWS = 2_000
COUNTERS: dict[str, str] = {
    Decision.CREATE: "created",
    Decision.UPDATE: "updated",
    Decision.UNCHANGED: "unchanged",
    Decision.INVALID: "invalid",
}
PASSES = [(work, kind) for kind in ("identity", "email", "phone") for work in ("join", "take_over")]

DECIDE = f"""
    update {ImportRow._meta.db_table} row
    set decision = plan.decision, reason = plan.reason, contact_id = coalesce(plan.contact_id, row.contact_id),
        contact_seen_at = plan.seen_at, changes = plan.changes, joined_to = plan.joined_to,
        parsed = coalesce(plan.parsed, row.parsed), photo = coalesce(plan.photo, row.photo)
    from unnest(%s::integer[], %s::text[], %s::text[], %s::uuid[], %s::timestamptz[], %s::jsonb[], %s::integer[],
                %s::jsonb[], %s::text[])
         as plan(position, decision, reason, contact_id, seen_at, changes, joined_to, parsed, photo)
    where row.job_id = %s and row.position = plan.position
"""


@dataclass
class Planned:
    """A row with candidates on its way to a decision."""

    position: int
    parsed: Parsed
    photo: str
    external_id: str
    reason: str = ""
    decision: str = Decision.CREATE
    contact_id: UUID | None = None
    seen_at: datetime | None = None
    changes: dict[str, Any] | None = None
    joined_to: int | None = None
    is_united: bool = False

    def columns(self) -> tuple[Any, ...]:
        return (
            self.position,
            self.decision,
            self.reason,
            self.contact_id,
            self.seen_at,
            None if self.changes is None else json.dumps(self.changes, ensure_ascii=False),
            self.joined_to,
            json.dumps(self.parsed, ensure_ascii=False) if self.is_united else None,
            self.photo if self.is_united else None,
        )


def plan(job: ImportJob, budget: Budget) -> list[Settlement]:
    """Join duplicates, then match page by page; rows that nothing is known of stay what reading made them: new."""
    if must_wait_to_plan(job):
        return settle([waiting(job)])
    if not job.planned_at:
        with fenced(job):
            ImportJob.objects.filter(pk=job.pk).update(planned_at=Now())
    for number, (work, kind) in enumerate(PASSES):
        if number < job.cursor.get("passes", 0):
            continue
        if work == "join":
            join_duplicates(job, kind=kind)
        else:
            take_over_values(job)
        _save(job, {"passes": number + 1})
        if budget.is_spent():
            return settle([progressed(job)])
    for first in range(job.cursor.get("position", 0) + 1, job.total + 1, PAGE_ROWS):
        last = min(first + PAGE_ROWS - 1, job.total)
        with fenced(job):
            _plan_page(job, first=first, last=last)
            _save_place(job, {"passes": len(PASSES), "position": last}, processed=last)
        if budget.is_spent():
            return settle([progressed(job)])
    with fenced(job):
        _save_place(job, {}, processed=job.total if job.has_preview else 0)
        state = ImportJob.State.READY if job.has_preview else ImportJob.State.CONFIRMED
        return settle([progressed(job, state=state)])


def _save(job: ImportJob, cursor: dict[str, int]) -> None:
    with fenced(job):
        _save_place(job, cursor, processed=0)


def _save_place(job: ImportJob, cursor: dict[str, int], *, processed: int) -> None:
    job.cursor = cursor
    ImportJob.objects.filter(pk=job.pk).update(cursor=cursor, processed=processed, crashes=0)


def _plan_page(job: ImportJob, *, first: int, last: int) -> None:
    candidates = find_candidates(job, first=first, last=last)
    if not candidates:
        return
    names = names_of({pk for found in candidates.values() for ids in found.by_rung.values() for pk in ids})
    rows = ImportRow.objects.filter(job=job, position__in=candidates).order_by("position")
    matched: list[tuple[Planned, Match]] = []
    for position, parsed, photo, external_id in rows.values_list("position", "parsed", "photo", "external_id"):
        words = name_words(parsed)
        match = choose(candidates[position], words=words, names=names, provider=job.provider)
        matched.append((Planned(position, parsed, photo, external_id), match))
    planned = _share_contacts(job, matched, first=first)
    compare_all(job, planned)
    write_plan(job, planned)


def _share_contacts(job: ImportJob, matched: list[tuple[Planned, Match]], *, first: int) -> list[Planned]:
    """Give each contact to one row only: the first; others of the same name join it, the rest are somebody else."""
    contact_ids = {contact_id for _, match in matched for contact_id in match.contact_ids}
    holders = {
        row["contact_id"]: Planned(
            row["position"],
            row["parsed"],
            row["photo"],
            row["external_id"],
            row["reason"],
            contact_id=row["contact_id"],
        )
        for row in rows_in_use(job, before=first, contact_ids=contact_ids)
    }
    touched: dict[int, Planned] = {}
    for row, match in matched:
        touched[row.position] = row
        row.reason = match.reason
        for contact_id in match.contact_ids:
            holder = holders.setdefault(contact_id, row)
            if holder is row:
                row.contact_id = contact_id
                break
            if match.is_by_identity or names_agree(name_words(holder.parsed), name_words(row.parsed)):
                row.decision, row.reason, row.joined_to = Decision.SKIP, Reason.DUPLICATE_IN_FILE, holder.position
                holder.parsed, holder.photo = unite(holder.parsed, row.parsed), holder.photo or row.photo
                holder.is_united = True
                touched[holder.position] = holder
                break
        else:
            row.reason = Reason.SHARED_ADDRESS
    return list(touched.values())


def compare_all(job: ImportJob, planned: list[Planned]) -> None:
    """Decide for each row that has a contact what importing it changes there, if anything."""
    matched = [row for row in planned if row.contact_id is not None]
    current = load_current(
        job,
        contact_ids=[row.contact_id for row in matched if row.contact_id],
        external_ids=[row.external_id for row in matched if row.external_id],
    )
    for row in matched:
        beside = current[row.contact_id] if row.contact_id else None
        if beside is None:
            continue
        changes = compare(job, beside, parsed=row.parsed, photo=row.photo, external_id=row.external_id)
        row.decision = Decision.UPDATE if changes else Decision.UNCHANGED
        row.changes, row.seen_at = changes or None, beside.updated_at


def write_plan(job: ImportJob, planned: list[Planned]) -> None:
    """Store what was decided, by one statement."""
    columns = [list(column) for column in zip(*(row.columns() for row in planned), strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(DECIDE, [*columns, job.pk])


def expected_counts(job: ImportJob) -> dict[str, int]:
    """Return what executing the plan would count, by the names of the job's counters; they add up to its total."""
    rows = ImportRow.objects.filter(job=job).order_by().values_list("decision", "selected").annotate(Count("pk"))
    counts: dict[str, int] = dict.fromkeys(ImportRow.Outcome.values, 0)
    for decision, is_selected, number in rows:
        is_left_out = decision in COUNTERS and decision != Decision.INVALID and not is_selected
        counts["skipped" if is_left_out else COUNTERS.get(decision, "skipped")] += number
    return counts
