"""Reading a mail file while its worker is killed again and again: each message once, and the counters are true.

Short in the test suite; `make faults` reads 100,000 messages with 20 kills.
"""

from __future__ import annotations

import io
import os
import random
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models.functions import Now

from config.jobs.claiming import reap
from contacts.models import CommunicationEvent
from imports.models import SyncRun
from imports.sync.running import request_file_sync
from tests.factories import make_contact, make_user
from tests.faults.processes import running, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

IS_LONG = os.environ.get("KITH_FAULTS") == "long"
MESSAGES, KILLS = (100_000, 20) if IS_LONG else (6_000, 2)
PEOPLE = 50
WORKER = ("manage.py", "run_jobs", "--queue", "sync", "--until-empty")
START = datetime(2020, 1, 1, tzinfo=UTC)


def mail_file() -> bytes:
    """Make up mail with 50 people, a few dozen a day."""
    letters = (
        f"From x Thu Jan  1 00:00:00 2026\nFrom: p{number % PEOPLE}@example.com\nTo: alice@example.com\n"
        f"Date: {START + timedelta(minutes=20 * number):%a, %d %b %Y %H:%M:%S} +0000\n"
        f"Message-ID: <k{number}@example.com>\n\n"
        f"Text.\n\n"
        for number in range(MESSAGES)
    )
    return "".join(letters).encode()


def free_the_dead() -> None:
    """Do what the sweeper does a minute after a worker has died."""
    SyncRun.objects.filter(state="running").update(lease_until=Now())
    reap(SyncRun)
    SyncRun.objects.filter(state="queued").update(next_attempt_at=Now(), crashes=0)


def has_gone_on(run: SyncRun) -> bool:
    """Say whether a worker has recorded more of the run than `run` says."""
    return SyncRun.objects.get(pk=run.pk).seen > run.seen


def test_each_message_is_recorded_once_while_the_reader_is_killed() -> None:
    seed = int(os.environ.get("KITH_FAULTS_SEED", "0")) or random.randrange(1, 10**6)
    dice = random.Random(seed)
    owner = make_user("alice")
    for number in range(PEOPLE):
        make_contact(owner, f"Person {number}", email=f"p{number}@example.com")
    run = request_file_sync(owner.pk, io.BytesIO(mail_file()), name="archive.mbox")
    for _ in range(KILLS):
        run.refresh_from_db()
        with running(*WORKER) as worker:
            wait_until(lambda: has_gone_on(run), seconds=60)
            time.sleep(dice.uniform(0, 0.5))
            worker.kill()
        free_the_dead()
    with running(*WORKER) as worker:
        assert worker.wait(timeout=1_200) == 0
    run.refresh_from_db()
    print(f"seed={seed} messages={MESSAGES} kills={KILLS}")
    assert (run.state, run.seen, run.written, run.errors) == ("completed", MESSAGES, MESSAGES, [])
    assert CommunicationEvent.objects.count() == MESSAGES
