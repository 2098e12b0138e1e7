"""What a person decides about rows that the plan leaves out or matches otherwise: import anyway, or merge.

Before the confirmation this changes the plan. Afterwards the rows are planned again, and a small execution of just
these follows; the counters lose the rows until that has counted them anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from config.jobs.bell import ring
from contacts.identifiers import uuid7
from contacts.models import ExternalIdentity
from imports.lifecycle import NotAllowed, afresh, locked_job
from imports.matching import find_candidates
from imports.models import ImportJob, ImportRow
from imports.planning import Planned, compare_all, write_plan

State, Decision, Outcome = ImportJob.State, ImportRow.Decision, ImportRow.Outcome

ROWS_AT_ONCE = 2_000
MATCHED = (Decision.UPDATE, Decision.UNCHANGED)
NOT_WRITTEN = ("", Outcome.SKIPPED, Outcome.UNCHANGED)

CREATE = f"""
    update {ImportRow._meta.db_table} row
    set decision = '{Decision.CREATE}', contact_id = chosen.contact_id, contact_seen_at = null, joined_to = null,
        changes = null, external_id = case when chosen.is_known then '' else row.external_id end
    from unnest(%s::bigint[], %s::uuid[], %s::boolean[]) as chosen(id, contact_id, is_known)
    where row.id = chosen.id
"""


class How(StrEnum):
    """`create`: a contact of its own, whoever else it may be. `merge`: into the contact that it matches best."""

    CREATE = "create"
    MERGE = "merge"


def decide_rows(job: ImportJob, row_ids: Collection[int], how: str) -> int:
    """Import these rows after all, in the way that `how` says; return how many will be, the others stay as they are.

    Rows that have been written, failed or are invalid stay; so do those that match nobody when they are to be merged.
    """
    return _decide(job, ImportRow.objects.filter(pk__in=row_ids), how=how)


def decide_where(job: ImportJob, how: str, *, decision: str, reason: str) -> int:
    """Do the same for every row with this decision and reason."""
    return _decide(job, ImportRow.objects.filter(decision=decision, reason=reason), how=how)


def decidable(job: ImportJob) -> QuerySet[ImportRow]:
    """Return the rows that a person may still decide about."""
    rows = ImportRow.objects.filter(job_id=job.pk, outcome__in=NOT_WRITTEN)
    return rows.exclude(decision=Decision.INVALID).order_by("position")


def _decide(job: ImportJob, chosen: QuerySet[ImportRow], *, how: str) -> int:
    with locked_job(job) as locked:
        if locked.state not in (State.READY, State.COMPLETED) or locked.held_reason:
            raise NotAllowed("Rows can be decided on while the import waits for a review, or when it is completed.")
        outcomes: Counter[str] = Counter()
        for rows in _windows(decidable(locked) & chosen):
            done = _create(locked, rows) if how == How.CREATE else _merge(locked, rows)
            outcomes.update(row.outcome for row in rows if row.pk in done)
            ImportRow.objects.filter(pk__in=done).update(selected=True, outcome="", error="")
        if outcomes and locked.state == State.COMPLETED:
            _execute_later(locked, outcomes)
        return outcomes.total()


def _windows(rows: QuerySet[ImportRow]) -> Iterator[list[ImportRow]]:
    """Yield the rows in lists; those of one list are within 2,000 positions."""
    page: list[ImportRow] = []
    for row in rows.defer("raw"):
        if page and row.position - page[0].position >= ROWS_AT_ONCE:
            yield page
            page = []
        page.append(row)
    if page:
        yield page


def _create(job: ImportJob, rows: list[ImportRow]) -> set[int]:
    """Plan a contact of its own for each; an identity goes with the first who brings it, and only if nobody has it."""
    external_ids = [row.external_id for row in rows if row.external_id]
    known = _known_identities(job, external_ids, besides=[row.pk for row in rows])
    is_known = []
    for row in rows:
        is_known.append(row.external_id in known)
        known.add(row.external_id)
    with connection.cursor() as cursor:
        cursor.execute(CREATE, [[row.pk for row in rows], [uuid7() for _ in rows], is_known])
    return {row.pk for row in rows}


def _known_identities(job: ImportJob, external_ids: list[str], *, besides: list[int]) -> set[str]:
    identities = ExternalIdentity.objects.filter(
        owner_id=job.owner_id, source=job.provider, account_key=None, external_id__in=external_ids
    )
    others = ImportRow.objects.filter(job_id=job.pk, external_id__in=external_ids).exclude(pk__in=besides)
    return {*identities.values_list("external_id", flat=True), *others.values_list("external_id", flat=True)}


def _merge(job: ImportJob, rows: list[ImportRow]) -> set[int]:
    """Plan an update of the contact that each matches best, whatever the names say; each contact is given once."""
    best = _best_matches(job, rows)
    taken = set(_in_use(job, best.values(), besides=list(best))) if job.state == State.READY else set()
    planned: list[Planned] = []
    done: set[int] = set()
    for row in rows:
        contact_id = best.get(row.pk)
        if contact_id is None or contact_id in taken:
            continue
        taken.add(contact_id)
        done.add(row.pk)
        planned.append(Planned(row.position, row.parsed, row.photo, row.external_id, row.reason, contact_id=contact_id))
    compare_all(job, planned)
    if planned:
        write_plan(job, planned)
    return done


def _best_matches(job: ImportJob, rows: list[ImportRow]) -> dict[int, UUID]:
    """Return, by row, the contact that it was matched to, else the oldest on the highest rung of the ladder."""
    candidates = find_candidates(job, first=rows[0].position, last=rows[-1].position)
    best: dict[int, UUID] = {}
    for row in rows:
        if row.decision in MATCHED and row.contact_id:
            best[row.pk] = row.contact_id
        elif row.position in candidates:
            by_rung = candidates[row.position].by_rung
            best[row.pk] = by_rung[min(by_rung)][0]
    return best


def _in_use(job: ImportJob, contact_ids: Collection[UUID], *, besides: list[int]) -> QuerySet[Any]:
    rows = ImportRow.objects.filter(job_id=job.pk, contact_id__in=contact_ids, decision__in=MATCHED)
    return rows.exclude(pk__in=besides).values_list("contact_id", flat=True)


def _execute_later(job: ImportJob, outcomes: Counter[str]) -> None:
    """Let just these rows be executed, as planned now."""
    ImportJob.objects.filter(pk=job.pk).update(
        **{
            **afresh(),
            "state": State.CONFIRMED,
            "cursor": {"is_later": True},
            "planned_at": Now(),
            "finished_at": None,
            **{outcome: F(outcome) - number for outcome, number in outcomes.items()},
        }
    )
    ring(ImportJob.QUEUE)
