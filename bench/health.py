"""Refresh of scores beside one hand-written upsert of the same scores and factors, and how its time grows.

The memory of this process, the worker's, may not grow with it either: `rss_growth_mb` is by how much the runs raise it.

Ratio and growth are given by the clock and by processor time, which a busy machine disturbs less: that of this process
and of its PostgreSQL backend, which must therefore be on this machine.
"""

from __future__ import annotations

import statistics
import time
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

import psutil
from django.contrib.auth.models import User
from django.db import connection, transaction

from bench.health_rival import RIVAL, RIVAL_TABLE
from bench.scratch import scratch_database
from config.jobs.draining import drain
from health.models import HealthRun
from health.refreshing import request_run

# Two years, in seconds.
SPAN = 730 * 86_400
NOW = datetime(2026, 3, 29, 7, tzinfo=UTC)

# Seconds by the clock and of processor time.
Cost = tuple[float, float]

CONTACTS = """
    insert into contacts_contact (id, owner_id, display_name, sort_name)
    select uuidv7_like, %(owner)s, 'Person ' || n, 'person ' || n
    from (
        select n, (lpad(to_hex(1774000000000 + n), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8'
            || substr(md5(n::text), 4, 15))::uuid as uuidv7_like
        from generate_series(1, %(contacts)s) n
    ) numbered
"""

# In the order of time, as mail comes in: the rows of one contact lie far apart in the table.
EVENTS = """
    insert into contacts_communicationevent
        (owner_id, contact_id, kind, direction, happened_at, recorded_at, source, external_id, thread_id, subject,
         automated, rating)
    select %(owner)s, person.id, kind, case when kind = 'email' then direction else 'mutual' end, at, at, 'bench',
        'e' || n, case when kind = 'email' then 't' || person.place || '-' || n %% 3 else '' end, '',
        n %% 19 = 0, case when kind = 'meeting' and n %% 2 = 0 then ((n %% 5) - 2) / 2.0 end
    from (
        select n, 1 + (hashint8(n)::bigint & 2147483647) %% %(contacts)s as place,
            %(now)s - interval '1 second' * (%(span)s * (1 - n::double precision / %(events)s)) as at,
            case when n %% 7 = 0 then 'meeting' when n %% 7 = 1 then 'call' else 'email' end as kind,
            case when hashint8(n + 1) %% 2 = 0 then 'inbound' else 'outbound' end as direction
        from generate_series(1, %(events)s) n
    ) drawn
    join (select id, row_number() over (order by id) as place from contacts_contact where owner_id = %(owner)s) person
        using (place)
    order by n
"""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--contacts", type=int, default=20_000, help="of the small measurement")
    parser.add_argument("--large", type=int, default=200_000, help="contacts of the large one; 0 leaves it out")
    parser.add_argument("--events", type=int, default=20, help="events of a contact in two years")
    parser.add_argument("--rounds", type=int, default=3, help="of which the medians count")


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Return contacts per second, the rival's, their ratio, memory, and how time grows with the number."""
    small = _measure(options["contacts"], events=options["events"], rounds=options["rounds"])
    figures = {"contacts": options["contacts"], **small}
    if options["large"]:
        large = _measure(options["large"], events=options["events"], rounds=1)
        figures |= {f"large_{name}": value for name, value in large.items()} | {"large_contacts": options["large"]}
        figures["growth"] = small["contacts_per_second"] / large["contacts_per_second"]
        figures["processor_growth"] = large["processor_ms_per_contact"] / small["processor_ms_per_contact"]
    return figures


def _measure(contacts: int, *, events: int, rounds: int) -> dict[str, float]:
    with scratch_database():
        owner = User.objects.create_user("bench")
        _fill(owner, contacts=contacts, events=contacts * events)
        rss = psutil.Process().memory_info().rss
        pairs = [(_time_rival(owner), _time_ours(owner, contacts=contacts)) for _ in range(rounds)]
        growth = psutil.Process().memory_info().rss - rss
        _compare(contacts)
    rival, ours, rival_processor, ours_processor = (
        statistics.median(pair[side][kind] for pair in pairs) for kind in (0, 1) for side in (0, 1)
    )
    return {
        "contacts_per_second": contacts / ours,
        "rival_contacts_per_second": contacts / rival,
        "ratio": rival / ours,
        "processor_ms_per_contact": 1000 * ours_processor / contacts,
        "processor_ratio": rival_processor / ours_processor,
        "rss_growth_mb": growth / 1e6,
    }


def _fill(owner: User, *, contacts: int, events: int) -> None:
    known: dict[str, Any] = {"owner": owner.pk, "contacts": contacts, "events": events, "now": NOW, "span": SPAN}
    with connection.cursor() as cursor:
        cursor.execute("alter table contacts_communicationevent disable trigger user")
        cursor.execute(CONTACTS, known)
        cursor.execute(EVENTS, known)
        cursor.execute("alter table contacts_communicationevent enable trigger user")
        cursor.execute(RIVAL_TABLE)
        for table in ("contacts_contact", "contacts_communicationevent"):
            cursor.execute(f"vacuum analyze {table}")


def _time_ours(owner: User, *, contacts: int) -> Cost:
    """Time a whole run from request to completion, of contacts that have no score yet."""
    with connection.cursor() as cursor:
        cursor.execute("truncate health_relationshiphealth, health_healthsnapshot, health_bandchange, health_signal")
    _settle()
    before = _now()
    request = request_run(owner_id=owner.pk, now=NOW)
    drain(HealthRun.QUEUE, seconds=None, is_ringing=False)
    cost = _since(before)
    request.refresh_from_db()
    assert (request.state, request.relationships_refreshed) == ("completed", contacts), request.errors
    return cost


def _time_rival(owner: User) -> Cost:
    with connection.cursor() as cursor:
        cursor.execute("truncate rival")
    _settle()
    with transaction.atomic(), connection.cursor() as cursor:
        # What a careful hand would set: without it the sort of all events goes to disk.
        cursor.execute("set local work_mem = '64MB'")
        cursor.execute("set local jit = off")
        before = _now()
        cursor.execute(RIVAL, {"owner": owner.pk, "now": NOW})
    return _since(before)


def _now() -> Cost:
    processes = (psutil.Process(), psutil.Process(connection.connection.info.backend_pid))
    return time.monotonic(), sum(sum(process.cpu_times()[:2]) for process in processes)


def _since(before: Cost) -> Cost:
    clock, processor = _now()
    return clock - before[0], processor - before[1]


def _settle() -> None:
    """Write out what earlier rounds left to the next one, where our role may ask for that."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_has_role('pg_checkpoint', 'usage')")
        if cursor.fetchone()[0]:
            cursor.execute("checkpoint")


def _compare(contacts: int) -> None:
    """Fail unless both have written the same scores and factors for every contact."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from rival join health_relationshiphealth ours using (contact_id) "
            "where rival.score is not distinct from ours.score and rival.status = ours.status "
            "and rival.factors = ours.factors and rival.risk_level = ours.risk_level"
        )
        same = cursor.fetchone()[0]
    assert same == contacts, f"only {same} of {contacts} contacts have the same score and factors"
