"""Undo an import: take back what it wrote and nobody has touched since, a few thousand rows in a transaction.

A contact that it created goes if it still is what was written and nothing hangs on it that a person wrote; a field that
it changed returns if it still has the value that was written. Each row ends in one of three buckets, with a reason.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import F
from django.db.utils import DataError, IntegrityError

from config.jobs.draining import Budget
from config.jobs.leases import fenced
from config.jobs.settling import Settlement, completed, progressed, settle
from contacts.chats.linking import free_chats
from contacts.handwork import written_by_hand
from contacts.models import Organization, Tag
from contacts.names import sort_name
from contacts.registries import relations
from imports import cursors, reversing
from imports.models import ImportJob, ImportRow, MadeByImport
from imports.reasons import Reason
from imports.turns import let_others_go, must_wait_to_write, waiting
from media_store.models import PhotoJob
from media_store.photos import set_source
from media_store.removal import delete_photo_jobs

log = structlog.get_logger(__name__)

Undo = ImportRow.Undo

CHUNK_ROWS = 2_000
MADE_AT_ONCE = 1_000
NAMES = ("display_name", "given_name", "family_name")

Verdict = dict[int, str]
"""Row id -> why something of it stays; empty where all was taken back."""


def undo(job: ImportJob, budget: Budget) -> list[Settlement]:
    """Take back from the job's cursor on; each chunk commits its effects, its rows' buckets and the counters."""
    if must_wait_to_write(job):
        return settle([waiting(job)])
    done = job.cursor.get("position", 0)
    while done < job.total:
        last = min(done + CHUNK_ROWS, job.total)
        with fenced(job):
            _undo_chunk(job, first=done + 1, last=last)
            _save_counters(job, first=done + 1, last=last)
        done = last
        if budget.is_spent():
            return settle([progressed(job)])
    while MadeByImport.objects.filter(job=job).exists():
        with fenced(job):
            _remove_made(job)
        if budget.is_spent():
            return settle([progressed(job)])
    with fenced(job):
        ImportJob.objects.filter(pk=job.pk).update(cursor={}, processed=job.total)
        cursors.forget(job)
        let_others_go(job)
        return settle([completed(job, state=ImportJob.State.UNDONE)])


def _undo_chunk(job: ImportJob, *, first: int, last: int) -> None:
    """Undo these rows; when the database refuses something, halve until only those rows are errored."""
    try:
        with transaction.atomic():
            _take_back(job, _parameters(job, first=first, last=last))
    except (IntegrityError, DataError) as error:
        if first == last:
            _mark_errored(job, position=first, error=error)
            return
        middle = (first + last) // 2
        _undo_chunk(job, first=first, last=middle)
        _undo_chunk(job, first=middle + 1, last=last)


def _parameters(job: ImportJob, *, first: int, last: int) -> dict[str, Any]:
    return {
        "job": job.pk,
        "owner": job.owner_id,
        "source": job.provider,
        "account": job.account_id,
        "first": first,
        "last": last,
    }


def _take_back(job: ImportJob, parameters: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(reversing.LOCK, parameters)
        # Updates first: a later row of the file may have changed what an earlier one created.
        verdicts = {**_take_back_updated(parameters), **_take_back_created(job, parameters)}
        buckets = [Undo.REVERSED if reason in ("", Reason.ALREADY_GONE) else Undo.KEPT for reason in verdicts.values()]
        marks: dict[str, Any] = {"rows": list(verdicts), "undo": buckets, "reasons": list(verdicts.values())}
        cursor.execute(reversing.MARK, marks)
        # Foreign keys are checked at the commit unless asked for: a refusal has to come while we can narrow it down.
        cursor.execute("set constraints all immediate")
        cursor.execute("set constraints all deferred")


def _take_back_created(job: ImportJob, parameters: dict[str, Any]) -> Verdict:
    rows = _fetch(reversing.CREATED, parameters)
    untouched = [contact_id for _, contact_id, reason in rows if not reason]
    held = written_by_hand(untouched)
    _erase([contact_id for contact_id in untouched if contact_id not in held], owner_id=job.owner_id)
    return {pk: Reason.BY_HAND if contact_id in held else reason for pk, contact_id, reason in rows}


def _erase(contact_ids: Collection[UUID], *, owner_id: int) -> None:
    """Delete contacts with all that hangs on them; the import's own rows stay as its journal."""
    if not contact_ids:
        return
    free_chats(contact_ids)
    for relation in relations.values():
        if relation.model is not ImportRow:
            relation.erase(contact_ids)
    with connection.cursor() as cursor:
        cursor.execute(reversing.DELETE_CONTACTS, [list(contact_ids), owner_id])


def _take_back_updated(parameters: dict[str, Any]) -> Verdict:
    rows = _fetch(reversing.UPDATED, parameters)
    if not rows:
        return {}
    verdicts: Verdict = {}
    whys: Verdict = {}
    returned: dict[UUID, dict[str, Any]] = {}
    for pk, contact_id, why, written, now, locked in rows:
        verdicts[pk], whys[pk] = why, why
        if why in (Reason.ALREADY_GONE, Reason.MERGED):
            continue
        fields, is_whole = returning(json.loads(written or "{}"), now=json.loads(now), locked=json.loads(locked))
        returned.setdefault(contact_id, {}).update(fields)
        verdicts[pk] = "" if is_whole else why
    with connection.cursor() as cursor:
        columns: dict[str, Any] = {
            "contacts": list(returned),
            "fields": [json.dumps(fields) for fields in returned.values()],
        }
        cursor.execute(reversing.RETURN_FIELDS, {**parameters, **columns})
    for pk in _remove_added(parameters):
        verdicts[pk] = whys[pk]
    for pk in _return_pictures(parameters):
        verdicts[pk] = verdicts[pk] or Reason.PICTURE_CHOSEN
    return verdicts


def returning(
    written: dict[str, dict[str, Any]], *, now: dict[str, Any], locked: Collection[str]
) -> tuple[dict[str, Any], bool]:
    """Return the fields that get their old values back, and whether these are all that were `written`.

    One stays when it is not what was written any more, or when a person has claimed it. One that has its old value
    already is settled. The sort name follows the names that result.
    """
    fields: dict[str, Any] = {}
    is_whole = True
    for name, values in written.items():
        if name == "sort_name" or now[name] == values["old"]:
            continue
        if now[name] == values["new"] and name not in locked:
            fields[name] = values["old"]
        else:
            is_whole = False
    if "sort_name" in written:
        names = {name: fields.get(name, now[name]) for name in NAMES}
        old = written["sort_name"]["old"]
        names_are_old = all(names[name] == values["old"] for name, values in written.items() if name in NAMES)
        fields["sort_name"] = old if names_are_old and is_whole else sort_name(**names)
    return fields, is_whole


def _remove_added(parameters: dict[str, Any]) -> set[int]:
    """Delete the addresses, numbers, tags and identities that were added; return the rows of those that stay."""
    return {pk for statement in reversing.REMOVALS for (pk,) in _fetch(statement, parameters)}


def _return_pictures(parameters: dict[str, Any]) -> set[int]:
    """Remove the pictures that were added, give the replaced ones their old source; return the rows of the others."""
    new: list[int] = []
    left: set[int] = set()
    for pk, photo_job_id, old_source, is_ours in _fetch(reversing.CHANGED_PICTURES, parameters):
        if not is_ours:
            left.add(pk)
        elif old_source is None:
            new.append(photo_job_id)
        else:
            _give_back_source(photo_job_id, *json.loads(old_source))
    if new:
        delete_photo_jobs(PhotoJob.objects.filter(pk__in=new))
    return left


def _give_back_source(photo_job_id: int, kind: str, url: str, ref: str) -> None:
    """The picture that is stored stays until that of the old source has come."""
    job = PhotoJob.objects.select_related("contact_picture").get(pk=photo_job_id)
    set_source(job, kind=kind, source_url=url, source_ref=ref, path_hint=job.path_hint)
    job.contact_picture.source_url = url
    job.contact_picture.save(update_fields=["source_url"])


def _remove_made(job: ImportJob) -> None:
    """Delete a batch of the organizations and tags that the import made and that nobody uses or has filled in."""
    made = list(MadeByImport.objects.filter(job=job).order_by("pk")[:MADE_AT_ONCE])
    ids = {kind: [row.made_id for row in made if row.kind == kind] for kind in MadeByImport.Kind.values}
    unused = {"owner_id": job.owner_id, "contacts": None}
    Organization.objects.filter(pk__in=ids["organization"], domain="", logo="", **unused).delete()
    Tag.objects.filter(pk__in=ids["tag"], **unused).delete()
    MadeByImport.objects.filter(pk__in=[row.pk for row in made]).delete()


def _mark_errored(job: ImportJob, *, position: int, error: Exception) -> None:
    log.warning("undo_row_refused", job=job.pk, position=position, error=type(error).__name__)
    message = f"{Reason.DATABASE_ERROR.sentence} {str(error).splitlines()[0]}"
    with connection.cursor() as cursor:
        parameters = _parameters(job, first=position, last=position)
        cursor.execute(reversing.MARK_ERRORED, {**parameters, "error": message[:500]})


def _save_counters(job: ImportJob, *, first: int, last: int) -> None:
    counts = dict(_fetch(reversing.COUNT, _parameters(job, first=first, last=last)))
    ImportJob.objects.filter(pk=job.pk).update(
        cursor={"position": last},
        processed=last,
        crashes=0,
        **{str(bucket): F(str(bucket)) + counts.get(bucket, 0) for bucket in Undo.values},
    )


def _fetch(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
