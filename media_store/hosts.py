"""How often one server of pictures is asked, by all workers together, and which addresses are not asked again.

At most two downloads at once and sixty a minute for each host, a pause for as long as the server asks, and an hour
(a day after three) before a failed address is tried anew. The hosts of PHOTO_ALLOWED_HOSTS know none of this.
A redirect counts for the host that the address names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection, transaction

from config.jobs.failures import MAX_RETRY_AFTER
from config.jobs.models import Priority
from media_store.fetching import FetchError, parse_target
from media_store.models import FailedAddress, PhotoHost, PhotoJob

Verdict = PhotoJob.Verdict

AT_ONCE = 2
BURST = 10
# Ten at once and then fifty a minute: never more than sixty in any minute.
INTERVAL = timedelta(minutes=1) / 50
# A download that has not ended by its deadline and this much more belongs to a worker that died.
GRACE = timedelta(seconds=30)

FORGOTTEN_AFTER = timedelta(hours=1)
FORGOTTEN_AFTER_THREE = timedelta(hours=24)
# These say something about the moment or about us, not about the address.
NOT_REMEMBERED = (Verdict.RATE_LIMITED, Verdict.STORAGE_ERROR)

PUT_BACK = f"""
    update {PhotoJob._meta.db_table} job
    set state = 'pending', attempts = greatest(job.attempts - 1, 0),
        next_attempt_at = statement_timestamp() + b.wait, lease_token = null, lease_until = null
    from unnest(%s::bigint[], %s::uuid[], %s::interval[]) as b(id, token, wait)
    where job.id = b.id and job.lease_token = b.token
"""

NOTE = f"""
    insert into {PhotoHost._meta.db_table} as host
        (host, requests, failures, seconds, last_failure_at, last_verdict, blocked_until, busy)
    select name, count(*), count(*) filter (where verdict <> ''), sum(seconds),
           max(case when verdict <> '' then statement_timestamp() end), coalesce(max(nullif(verdict, '')), ''),
           statement_timestamp() + max(wait), '{{}}'
    from unnest(%s::text[], %s::float[], %s::text[], %s::interval[]) as n(name, seconds, verdict, wait)
    group by name order by name
    on conflict (host) do update
    set requests = host.requests + excluded.requests,
        failures = host.failures + excluded.failures,
        seconds = host.seconds + excluded.seconds,
        last_failure_at = coalesce(excluded.last_failure_at, host.last_failure_at),
        last_verdict = coalesce(nullif(excluded.last_verdict, ''), host.last_verdict),
        blocked_until = greatest(excluded.blocked_until, host.blocked_until),
        busy = host.busy[excluded.requests + 1:]
"""

REMEMBER = f"""
    insert into {FailedAddress._meta.db_table} as known (url_sha256, verdict, failures, until)
    select url, max(verdict), 1, statement_timestamp() + %s
    from unnest(%s::text[], %s::text[]) as n(url, verdict) group by url order by url
    on conflict (url_sha256) do update
    set failures = known.failures + 1, verdict = excluded.verdict,
        until = statement_timestamp() + case when known.failures >= 2 then %s else %s end
"""


@dataclass
class Admission:
    """What may be downloaded now, how long the others wait, and which failures are known already."""

    admitted: list[PhotoJob] = field(default_factory=list)
    waits: dict[PhotoJob, timedelta] = field(default_factory=dict)
    known: dict[PhotoJob, FetchError] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """One download that has ended: `verdict` is empty when it gave something."""

    host: str
    seconds: float
    verdict: str = ""
    retry_after: timedelta | None = None


def limited_host(url: str) -> str | None:
    """Return the host whose limits hold for `url`; None for a host of one's own and for what is never fetched."""
    try:
        target = parse_target(url, allowed_hosts=settings.PHOTO_ALLOWED_HOSTS)
    except FetchError:
        return None
    return None if target.is_named else target.host


def host_of(url: str) -> str:
    """Return host and port of a web address as it is written, without a user name; "?" when it is none."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()[:255] or "?"
    except ValueError:
        return "?"


def admit(jobs: Sequence[PhotoJob], *, now: datetime) -> Admission:
    """Decide for each claimed job whether its download may begin now; what is admitted must be `note`d at its end."""
    hosts = {job: host for job in jobs if (host := limited_host(job.source_url))}
    admission = Admission([job for job in jobs if job not in hosts])
    if not hosts:
        return admission
    admission.known = _known_failures(list(hosts), now=now)
    with transaction.atomic():
        PhotoHost.objects.bulk_create(
            [PhotoHost(host=host, due_at=now, tail_at=now) for host in sorted(set(hosts.values()))],
            ignore_conflicts=True,
        )
        locked = PhotoHost.objects.select_for_update().filter(host__in=set(hosts.values())).order_by("host")
        rows = {row.host: row for row in locked}
        for job, host in hosts.items():
            if job in admission.known:
                continue
            wait = _start(rows[host], now=now, is_person=job.priority == Priority.PERSON)
            if wait is None:
                admission.admitted.append(job)
            else:
                admission.waits[job] = wait
        PhotoHost.objects.bulk_update(rows.values(), ["due_at", "tail_at", "busy"])
    return admission


def put_back(waits: dict[PhotoJob, timedelta]) -> None:
    """Return claimed jobs to the queue as if they had not been claimed, due after their waits."""
    if waits:
        jobs = sorted(waits, key=lambda job: job.pk)
        columns: list[Any] = [[job.pk for job in jobs], [job.lease_token for job in jobs], [waits[job] for job in jobs]]
        with connection.cursor() as cursor:
            cursor.execute(PUT_BACK, columns)


def note(asked: Sequence[Asked]) -> None:
    """Give the places of these downloads free, count them, and heed what their servers asked for."""
    if asked:
        waits = [None if each.retry_after is None else min(each.retry_after, MAX_RETRY_AFTER) for each in asked]
        with connection.cursor() as cursor:
            cursor.execute(
                NOTE,
                [
                    [each.host for each in asked],
                    [each.seconds for each in asked],
                    [each.verdict for each in asked],
                    waits,
                ],
            )


def remember_failures(failures: Iterable[tuple[str, str]]) -> None:
    """Note addresses (url, verdict) that failed for good, so that they are left alone for a while."""
    kept = [(url, verdict) for url, verdict in failures if verdict not in NOT_REMEMBERED and limited_host(url)]
    if kept:
        hashes, verdicts = [address_hash(url) for url, _ in kept], [verdict for _, verdict in kept]
        with connection.cursor() as cursor:
            parameters: list[Any] = [FORGOTTEN_AFTER, hashes, verdicts, FORGOTTEN_AFTER_THREE, FORGOTTEN_AFTER]
            cursor.execute(REMEMBER, parameters)


def forget_failures(urls: Iterable[str]) -> None:
    """These addresses have answered again."""
    hashes = [address_hash(url) for url in urls if limited_host(url)]
    if hashes:
        FailedAddress.objects.filter(pk__in=hashes).delete()


def why_not_now(url: str, *, now: datetime) -> str:
    """Return in one sentence why a photo job would not ask this address now; empty when it would."""
    host = limited_host(url)
    failed = FailedAddress.objects.filter(pk=address_hash(url), until__gt=now).first()
    if host is None or failed:
        return str(_as_error(failed)) if host and failed else ""
    row = PhotoHost.objects.filter(pk=host, blocked_until__gt=now).first()
    return f"{host} asked to be left alone until {row.blocked_until:%H:%M} UTC." if row else ""


def _known_failures(jobs: Sequence[PhotoJob], *, now: datetime) -> dict[PhotoJob, FetchError]:
    """Return the failures that hold for these jobs; a person who asks again is always served."""
    hashes = {job: address_hash(job.source_url) for job in jobs if job.priority != Priority.PERSON}
    known = FailedAddress.objects.filter(until__gt=now).in_bulk(list(hashes.values()))
    return {job: _as_error(known[url]) for job, url in hashes.items() if url in known}


def _as_error(failed: FailedAddress) -> FetchError:
    label = failed.get_verdict_display()
    return FetchError(failed.verdict, f"{label}: this address failed before and rests until {failed.until:%H:%M} UTC.")


def _start(row: PhotoHost, *, now: datetime, is_person: bool) -> timedelta | None:
    """Take a place for a download that begins now and return None, or return how long to wait for one."""
    row.busy = [until for until in row.busy if until > now]
    blocked_until = max(row.blocked_until or now, now)
    is_early = row.due_at - (BURST - 1) * INTERVAL > now
    if blocked_until <= now and not is_early and len(row.busy) < AT_ONCE:
        row.due_at = max(row.due_at, now) + INTERVAL
        row.busy = [*row.busy, now + timedelta(seconds=settings.PHOTO_DEADLINE_SECONDS) + GRACE]
        return None
    if is_person:
        return blocked_until - now + INTERVAL
    row.tail_at = max(row.tail_at, blocked_until) + INTERVAL
    return row.tail_at - now


def address_hash(url: str) -> str:
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()
