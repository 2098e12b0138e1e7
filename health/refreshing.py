"""Runs: ask for one, and do what it asks for, one range to a transaction, going on where an interruption left it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.core.cache import cache
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from config.jobs.bell import ring
from config.jobs.draining import Budget
from config.jobs.failures import JobFailure, PermanentFailure
from config.jobs.leases import LeaseLost, fenced
from config.jobs.models import Priority
from config.jobs.settling import Settlement, completed, progressed, settle
from contacts.models import Contact, Deal
from health import calculating, digest, history, profiles, reminders
from health.models import HealthProfile, HealthRun
from health.owners import owners_of

log = structlog.get_logger(__name__)

ONLY_AT_MOST = 20

# A year: no score is too old for a run that only follows new facts.
FACTS_ONLY_HOURS = 24 * 365

GAP_KEPT_SECONDS = 2 * 86_400

# The daily runs, by the clock or by a scheduler outside.
WITH_DIGEST = ("schedule", "cron")


class _Interrupted(Exception):
    """The time of this drain is up; the run goes on with the next claim."""


def request_run(
    *,
    owner_id: int | None = None,
    only: Collection[UUID] = (),
    is_for_everyone: bool = False,
    profile: str = "",
    max_age_hours: int = 24,
    triggered_by: str = "command",
    now: datetime | None = None,
    priority: int = Priority.NORMAL,
) -> HealthRun:
    """Queue a refresh and wake a worker; `now` is the moment to score for, else when the run begins.

    With `only`, a few contacts of the owner, these and their deals alone are looked at.
    """
    with transaction.atomic():
        run = HealthRun.objects.create(
            owner_id=owner_id,
            only=list(only),
            is_for_everyone=is_for_everyone,
            profile=profile,
            max_age_hours=max_age_hours,
            triggered_by=triggered_by,
            as_of=now,
            priority=priority,
        )
        ring(HealthRun.QUEUE)
    return run


def follow_facts(owner_id: int, contact_ids: Collection[UUID]) -> None:
    """Ask for a refresh of contacts with new facts, unless one that will see them is waiting; for contacts.news.

    Without contacts, of all that is due: deals changed.
    """
    only = sorted(contact_ids) if len(contact_ids) <= ONLY_AT_MOST else []
    waiting = HealthRun.objects.filter(state=HealthRun.State.QUEUED, owner_id=owner_id, as_of=None)
    if not waiting.filter(Q(only=[]) | Q(only=only)).exists():
        request_run(owner_id=owner_id, only=only, max_age_hours=FACTS_ONLY_HOURS, triggered_by="facts")


def run(jobs: Sequence[HealthRun], budget: Budget) -> list[Settlement]:
    """Do these runs; for config.jobs.draining."""
    return [settlement for job in jobs for settlement in _run(job, budget)]


def _run(job: HealthRun, budget: Budget) -> list[Settlement]:
    try:
        profile = profiles.load(job.profile)
    except profiles.UnknownProfile as error:
        raise PermanentFailure(str(error), code="unknown_profile") from None
    if job.as_of is None:
        job.as_of = timezone.now()
        _save(job, as_of=job.as_of)
    for owner_id in owners_of(job, now=job.as_of):
        if owner_id in job.done_owners:
            continue
        try:
            _refresh_owner(job, profile, owner_id=owner_id, budget=budget)
        except _Interrupted:
            return settle([progressed(job)])
    with fenced(job):
        history.prune(now=job.as_of)
        return settle([completed(job)])


def _refresh_owner(job: HealthRun, profile: HealthProfile, *, owner_id: int, budget: Budget) -> None:
    """Refresh one owner and note that they are through; what goes wrong is noted and the next owner has their turn."""
    errors: list[dict[str, Any]] = []
    refresh = _refresh_few if job.only else _refresh_scores
    try:
        refresh(job, profile, owner_id=owner_id, budget=budget)
        if job.triggered_by in WITH_DIGEST:
            with fenced(job):
                digest.send(owner_id, now=_moment(job))
    except (LeaseLost, JobFailure, _Interrupted):
        raise
    except Exception as error:
        log.exception("owner_not_refreshed", run=job.pk, owner=owner_id)
        errors = [{"owner": owner_id, "error": f"{type(error).__name__}; see the log."}]
    job.done_owners = [*job.done_owners, owner_id]
    job.errors = [*job.errors, *errors]
    processed = F("users_processed") + (0 if errors else 1)
    _save(job, done_owners=job.done_owners, errors=job.errors, users_processed=processed)


def _refresh_scores(job: HealthRun, profile: HealthProfile, *, owner_id: int, budget: Budget) -> None:
    known = _parameters(job, profile, owner_id)
    with fenced(job):
        calculating.remove_unscored(owner_id=owner_id, now=_moment(job))
        reminders.close_answered(owner_id=owner_id, now=_moment(job))
    with fenced(job):
        ranges = calculating.due_ranges("deal", known("deal"))
    for first, last in ranges:
        with fenced(job):
            count = calculating.score_deals(known("deal"), first=first, last=last)
            HealthRun.objects.filter(pk=job.pk).update(deals_refreshed=F("deals_refreshed") + count)
        _pause(budget)
    with fenced(job):
        ranges = calculating.due_ranges("relationship", known("relationship"))
        owner_gap = _owner_gap(owner_id, known, is_new=True) if ranges else None
    for first, last in ranges:
        with fenced(job):
            count = calculating.score_contacts(known("relationship"), first=first, last=last, owner_gap=owner_gap)
            HealthRun.objects.filter(pk=job.pk).update(
                relationships_refreshed=F("relationships_refreshed") + count, crashes=0
            )
        _pause(budget)
    with fenced(job):
        calculating.score_organizations(known("relationship"))


def _refresh_few(job: HealthRun, profile: HealthProfile, *, owner_id: int, budget: Budget) -> None:
    """Refresh the contacts that the run names, and their deals, in one transaction: what a person waits for."""
    known = _parameters(job, profile, owner_id)
    with fenced(job):
        reminders.close_answered(owner_id=owner_id, now=_moment(job))
        calculating.remove_closed_deals(owner_id=owner_id, now=_moment(job))
        deals = Deal.objects.filter(owner_id=owner_id, contacts__in=job.only).order_by("pk").distinct()
        deal_ids = list(deals.values_list("pk", flat=True))
        scored_deals = sum(calculating.score_deals(known("deal"), first=pk, last=pk) for pk in deal_ids)
        gap = _owner_gap(owner_id, known)
        scored = [
            calculating.score_contacts(known("relationship"), first=pk, last=pk, owner_gap=gap) for pk in job.only
        ]
        if Contact.objects.filter(pk__in=job.only, organization__isnull=False).exists():
            calculating.score_organizations(known("relationship"))
        HealthRun.objects.filter(pk=job.pk).update(
            deals_refreshed=F("deals_refreshed") + scored_deals,
            relationships_refreshed=F("relationships_refreshed") + sum(scored),
        )


def _owner_gap(owner_id: int, known: Callable[[str], dict[str, Any]], *, is_new: bool = False) -> Any:
    """Return the owner's median gap; runs for a few contacts take the one of the last whole run, of today mostly."""
    key = f"health-gap-{owner_id}"
    gap = None if is_new else cache.get(key)
    if gap is None:
        gap = calculating.median_gap(known("relationship"))
        cache.set(key, gap, GAP_KEPT_SECONDS)
    return gap


def _parameters(job: HealthRun, profile: HealthProfile, owner_id: int) -> Callable[[str], dict[str, Any]]:
    """Return a function that gives the parameters of the statements for `relationship` or `deal`."""
    age = timedelta(hours=job.max_age_hours)
    return partial(calculating.parameters, profile, owner_id=owner_id, now=_moment(job), max_age=age)


def _pause(budget: Budget) -> None:
    if budget.is_spent():
        raise _Interrupted


def _moment(job: HealthRun) -> datetime:
    if job.as_of is None:
        raise ValueError("The run has not begun.")
    return job.as_of


def _save(job: HealthRun, **values: Any) -> None:
    with fenced(job):
        HealthRun.objects.filter(pk=job.pk).update(**values)
