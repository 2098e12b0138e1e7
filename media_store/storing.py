"""Store what came of photo jobs: pictures, notes and final states of up to ten jobs in one fenced transaction."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import structlog
from django.db import DatabaseError, connection

from config.jobs.failures import TemporaryFailure
from config.jobs.leases import fenced_many
from config.jobs.models import JobAttempt
from config.jobs.settling import Settlement, completed, failed, settle
from media_store.fetching import FetchError
from media_store.hosts import Asked, forget_failures, host_of, limited_host, note, remember_failures
from media_store.models import PhotoJob, StoredFile
from media_store.results import Result, failed_result
from media_store.storage import HybridStorage

log = structlog.get_logger(__name__)

Outcome = JobAttempt.Outcome
Verdict = PhotoJob.Verdict

# Two answers 404 or 410 this far apart mean that the picture is gone; less than seven days, as re-checks wait in line.
WEEK = "6 days"

RECORD = f"""
    update {PhotoJob._meta.db_table} job
    set file = case when r.file = '' then job.file else r.file end,
        previous_file = case when r.file = '' then job.previous_file else job.file end,
        sha256 = case when r.is_good then r.sha256 else job.sha256 end,
        source_sha256 = case when r.is_good then r.source_sha256 else job.source_sha256 end,
        etag = case when r.is_good then r.etag else job.etag end,
        last_modified = case when r.is_good then r.last_modified else job.last_modified end,
        stored_at = case when r.file = '' then job.stored_at else statement_timestamp() end,
        absent_since = case when r.verdict = 'gone' then coalesce(job.absent_since, statement_timestamp())
                            when not r.is_good then job.absent_since end,
        gone_at = case when r.verdict = 'gone' and job.absent_since <= statement_timestamp() - interval '{WEEK}'
                       then coalesce(job.gone_at, statement_timestamp())
                       when not r.is_good then job.gone_at end,
        checked_at = statement_timestamp(),
        verdict = r.verdict
    from unnest(%s::bigint[], %s::text[], %s::boolean[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
         as r(id, file, is_good, sha256, source_sha256, etag, last_modified, verdict)
    where job.id = r.id
"""


def store_safely(results: Sequence[Result]) -> Iterator[Settlement]:
    """Store all at once or, when that fails, one by one, so that one bad result is only its own failure."""
    try:
        yield from _store(results)
    except (DatabaseError, OSError) as error:
        log.exception("photos_not_stored", jobs=[result.job.pk for result in results])
        if len(results) == 1:
            problem = FetchError(Verdict.STORAGE_ERROR, f"The picture could not be stored ({type(error).__name__}).")
            failure = failed_result(results[0].job, problem.verdict, problem)
            yield from _store([replace(failure, seconds=results[0].seconds)])
        else:
            for result in results:
                yield from store_safely([result])


def _store(results: Sequence[Result]) -> list[Settlement]:
    """Store the new pictures, note all results and settle the jobs that are still ours, in one transaction."""
    with fenced_many([result.job for result in results]) as held:
        ours = [result for result in results if result.job in held]
        new = {_new_name(result): result for result in ours if result.webp}
        HybridStorage().store_many({name: result.webp for name, result in new.items()}, content_type="image/webp")
        _record(ours, names={result.job.pk: name for name, result in new.items()})
        outdated = [result.job.previous_file.name for result in new.values() if result.job.previous_file.name]
        StoredFile.objects.filter(name__in=outdated).mark_deleted()
        settled = settle([_settlement(result) for result in ours])
        _note_hosts(results, settled)
        return settled


def _note_hosts(results: Sequence[Result], settled: Sequence[Settlement]) -> None:
    """Tell `hosts` of all downloads, also those of jobs that were taken away, and of the failures that are final."""
    asked = [result for result in results if result.seconds is not None]
    note([_asked(result) for result in asked])
    final = {each.job.pk for each in settled if each.outcome == Outcome.FAILED}
    remember_failures((result.job.source_url, result.verdict) for result in asked if result.job.pk in final)
    forget_failures(result.job.source_url for result in asked if result.failure is None)


def _asked(result: Result) -> Asked:
    # What the bytes turned out to be is no fault of the server's.
    is_failure = result.failure is not None and result.bytes == 0
    retry_after = result.failure.retry_after if isinstance(result.failure, TemporaryFailure) else None
    host = limited_host(result.job.source_url) or host_of(result.job.source_url)
    return Asked(host, result.seconds or 0.0, result.verdict if is_failure else "", retry_after)


def _new_name(result: Result) -> str:
    return f"o{result.job.owner_id}/photos/{result.sha256[:16]}-{secrets.token_hex(4)}.webp"


def _record(results: Sequence[Result], *, names: dict[int, str]) -> None:
    columns: list[list[Any]] = [
        [result.job.pk for result in results],
        [names.get(result.job.pk, "") for result in results],
        [result.failure is None for result in results],
        [result.sha256 for result in results],
        [result.source_sha256 for result in results],
        [result.etag for result in results],
        [result.last_modified for result in results],
        [result.verdict for result in results],
    ]
    with connection.cursor() as cursor:
        cursor.execute(RECORD, columns)


def _settlement(result: Result) -> Settlement:
    if result.failure is not None:
        return failed(result.job, result.failure, bytes=result.bytes)
    return completed(result.job, code=result.verdict, bytes=result.bytes)
