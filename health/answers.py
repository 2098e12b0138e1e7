"""What a finished run answers, to the command and to the cron address alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from health.models import DealHealth, HealthRun, RelationshipHealth


def answer_of(run: HealthRun, *, has_rows: bool = False) -> dict[str, Any]:
    """Return the totals of `run` so far; with rows also every score of the users that it was for.

    A row is {id, score, status, updated}: the contact's id as text, or the deal's number.
    """
    errors = [f"User {error['owner']}: {error['error']}" for error in run.errors]
    if run.last_error:
        errors.append(run.last_error)
    moment = run.finished_at or run.as_of or run.queued_at
    answer: dict[str, Any] = {
        "success": run.state not in (HealthRun.State.FAILED, HealthRun.State.CANCELLED) and not errors,
        "usersProcessed": run.users_processed,
        "dealsRefreshed": run.deals_refreshed,
        "relationshipsRefreshed": run.relationships_refreshed,
        "errors": errors,
        "triggeredBy": run.triggered_by,
        "timestamp": moment.isoformat(),
    }
    if has_rows:
        answer["rows"] = list(_rows(run))
    return answer


def _rows(run: HealthRun) -> Iterator[dict[str, Any]]:
    deals = DealHealth.objects.filter(owner_id__in=run.done_owners).order_by("deal_id")
    contacts = RelationshipHealth.objects.filter(owner_id__in=run.done_owners, contact__isnull=False)
    sources = (
        deals.values_list("deal_id", "score", "status", "calculated_at"),
        contacts.order_by("contact_id").values_list("contact_id", "score", "status", "calculated_at"),
    )
    for source in sources:
        for pk, score, status, calculated_at in source.iterator():
            known = pk if isinstance(pk, int) else str(pk)
            yield {"id": known, "score": score, "status": status, "updated": calculated_at == run.as_of}
