"""What a person decides about rows that the plan leaves out or matches otherwise: import anyway, or merge.

Before the confirmation this changes the plan. Afterwards the rows are planned again, and a small execution of just
these follows; the counters lose the rows until that has counted them anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from config.jobs.bell import ring
from contacts.identifiers import uuid7_sql
from contacts.models import ExternalIdentity
from imports.identities import OF_ACCOUNT
from imports.lifecycle import NotAllowed, afresh, locked_job
from imports.matching import find_candidates
from imports.models import ImportJob, ImportRow
from imports.planning import Planned, compare_all, write_plan
from imports.reasons import Reason

State, Decision, Outcome = ImportJob.State, ImportRow.Decision, ImportRow.Outcome

ROWS_AT_ONCE = 2_000
MERGED_AT_ONCE = 20_000
MATCHED = (Decision.UPDATE, Decision.UNCHANGED)
NO_ENTRY = (Reason.ERASED, Reason.LISTED_AGAIN, Reason.GONE_AT_SOURCE)
NOT_WRITTEN = ("", Outcome.SKIPPED, Outcome.UNCHANGED)

# All rows of the job, so that an identity goes with the first who brings it, and only if nobody else has it. Told by
# sorting: the planner cannot know how many rows are chosen, and would join few of them row by row with all.
CREATE = f"""
    with entry as (
        select row.id, row.position, row.external_id, row.outcome, (
            row.outcome in ({", ".join(f"'{outcome}'" for outcome in NOT_WRITTEN)})
            and row.decision <> '{Decision.INVALID}'
            and row.reason not in ({", ".join(f"'{reason}'" for reason in NO_ENTRY)})
            and (%(ids)s::bigint[] is null or row.id = any(%(ids)s::bigint[]))
            and (%(decision)s = '' or row.decision = %(decision)s)
            and (%(reason)s = '' or row.reason = %(reason)s)
        ) as is_chosen
        from {ImportRow._meta.db_table} row where row.job_id = %(job)s
    ), chosen as (
        select entry.*, row_number() over (partition by external_id, is_chosen order by position) > 1
               or bool_or(not is_chosen) over (partition by external_id) as is_of_another
        from entry
    ), decided as (
        update {ImportRow._meta.db_table} row
        set decision = '{Decision.CREATE}', selected = true, outcome = '', error = '',
            contact_id = {uuid7_sql("chosen.position")}, contact_seen_at = null, joined_to = null, changes = null,
            external_id = case when is_of_another or exists (
                select 1 from {ExternalIdentity._meta.db_table} identity
                where identity.owner_id = %(owner)s and identity.source = %(source)s and {OF_ACCOUNT}
                  and identity.external_id = chosen.external_id
            ) then '' else row.external_id end
        from chosen where chosen.id = row.id and chosen.is_chosen
        returning chosen.outcome
    )
    select outcome, count(*) from decided group by 1
"""


@dataclass(frozen=True)
class Which:
    """The rows that are decided on: those with these ids, or with this decision and reason; empty means any."""

    ids: Collection[int] | None = None
    decision: str = ""
    reason: str = ""

    def of(self, job: ImportJob) -> QuerySet[ImportRow]:
        rows = decidable(job)
        if self.ids is not None:
            rows = rows.filter(pk__in=self.ids)
        wanted = {name: value for name, value in (("decision", self.decision), ("reason", self.reason)) if value}
        return rows.filter(**wanted)


class How(StrEnum):
    """`create`: a contact of its own, whoever else it may be. `merge`: into the contact that it matches best."""

    CREATE = "create"
    MERGE = "merge"


def decide_rows(job: ImportJob, row_ids: Collection[int], how: str) -> int:
    """Import these rows after all, in the way that `how` says; return how many will be, the others stay as they are.

    Rows that have been written, failed or are invalid stay; so do those that match nobody when they are to be merged.
    """
    return _decide(job, Which(ids=row_ids), how=how)


def decide_where(job: ImportJob, how: str, *, decision: str, reason: str) -> int:
    """Do the same for every row with this decision and reason; raises NotAllowed for too many to be merged at once."""
    which = Which(decision=decision, reason=reason)
    if how == How.MERGE and which.of(job).count() > MERGED_AT_ONCE:
        raise NotAllowed(f"More than {MERGED_AT_ONCE:,} rows cannot be merged at once: tick some, or import them all.")
    return _decide(job, which, how=how)


def decidable(job: ImportJob) -> QuerySet[ImportRow]:
    """Return the rows that a person may still decide about."""
    rows = ImportRow.objects.filter(job_id=job.pk, outcome__in=NOT_WRITTEN)
    return rows.exclude(decision=Decision.INVALID).exclude(reason__in=NO_ENTRY).order_by("position")


def _decide(job: ImportJob, which: Which, *, how: str) -> int:
    with locked_job(job) as locked:
        if locked.state not in (State.READY, State.COMPLETED) or locked.held_reason:
            raise NotAllowed("Rows can be decided on while the import waits for a review, or when it is completed.")
        outcomes = _create_all(locked, which) if how == How.CREATE else _merge_all(locked, which)
        if outcomes and locked.state == State.COMPLETED:
            _execute_later(locked, outcomes)
        return outcomes.total()


def _create_all(job: ImportJob, which: Which) -> Counter[str]:
    """Plan a contact of its own for each; return how many there were of each outcome so far."""
    parameters: dict[str, Any] = {
        "job": job.pk,
        "owner": job.owner_id,
        "source": job.provider,
        "account": job.account_id,
        "ids": None if which.ids is None else list(which.ids),
        "decision": which.decision,
        "reason": which.reason,
    }
    with connection.cursor() as cursor:
        cursor.execute(CREATE, parameters)
        return Counter(dict(cursor.fetchall()))


def _merge_all(job: ImportJob, which: Which) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    for rows in _windows(which.of(job)):
        done = _merge(job, rows)
        outcomes.update(row.outcome for row in rows if row.pk in done)
        ImportRow.objects.filter(pk__in=done).update(selected=True, outcome="", error="")
    return outcomes


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
