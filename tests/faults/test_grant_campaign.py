"""Random refreshes, revocations, reconnections, lost answers and crashes at once never lose a grant that still works.

Short in the test suite; `make faults` (KITH_FAULTS=long) plays 1,000 schedules. The seed is printed, KITH_FAULTS_SEED
repeats a run.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from config.jobs.failures import PermissionFailure, TemporaryFailure
from imports.accounts import grants, holding, oauth, rotating
from imports.models import ImportJob, ProviderAccount
from tests.imports.accounts import make_account, make_old, sign_in_again
from tests.imports.test_account_keys import key
from tests.providers import faults
from tests.providers.exchange import Answer, Request
from tests.providers.microsoft import MicrosoftStandIn, microsoft_stand_in
from tests.providers.serving import StandIn

pytestmark = pytest.mark.django_db(transaction=True)

IS_LONG = os.environ.get("KITH_FAULTS") == "long"
SCHEDULES = 1_000 if IS_LONG else 25
LEASES = (timedelta(milliseconds=5), timedelta(milliseconds=40), timedelta(seconds=30))


class Crash(BaseException):
    """The process ends here: nothing after it runs, and nothing is cleaned up."""


@pytest.fixture
def microsoft(monkeypatch: pytest.MonkeyPatch) -> Iterator[MicrosoftStandIn]:
    with microsoft_stand_in() as stand_in:
        for name, value in stand_in.settings().items():
            monkeypatch.setattr(settings, name, value)
        yield stand_in


def delayed(seconds: float) -> faults.Fault:
    """The usual answer, made after a while."""

    def spoil(stand_in: StandIn, _: Request, answer: Callable[[], Answer]) -> Answer:
        stand_in.wait(seconds)
        return answer()

    return faults.Fault(spoil)


class Schedule:
    """One account, a few workers that ask for its token at once, and what happens to it meanwhile."""

    def __init__(self, owner: User, microsoft: MicrosoftStandIn, dice: random.Random) -> None:
        self.microsoft, self.dice = microsoft, dice
        self.account = make_account(owner, microsoft, external_id=uuid4().hex)
        self.delivered = {self.account.tokens["refresh_token"]}
        self.unexpected: list[BaseException] = []
        self.crashes = dice.choice([0, 0, 1])
        microsoft.old_refresh_tokens_live = dice.random() < 0.5
        make_old(self.account)

    def play(self) -> None:
        self.microsoft.fault("token", *(self._fault() for _ in range(self.dice.randint(0, 3))))
        events = [self._ask] * self.dice.randint(1, 4)
        besides = [self._revoke, self._reconnect, self._give_anew, self._rotate_keys, self._die_holding]
        events.append(self.dice.choice(besides))
        threads = [threading.Thread(target=self._run, args=(event, self.dice.uniform(0, 0.03))) for event in events]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not self.unexpected, self.unexpected

    def let_time_pass(self) -> None:
        """Leases and pauses end, and so do the faults of the provider; the sweep of each minute looks after jobs."""
        self.microsoft._faults.clear()
        self.crashes = 0
        rows = ProviderAccount.objects.filter(pk=self.account.pk)
        rows.update(paused_until=None, refresh_lease_until=Now() - timedelta(seconds=1))
        holding.release_connected()

    def is_grant_alive(self) -> bool:
        """Say whether the provider still honours any refresh token that has reached us."""
        return any(self.microsoft.grants.refreshed(token) for token in self.delivered)

    def token_that_works(self) -> str:
        """Ask as a session does: once, and once more when the provider rejects what it got."""
        token = grants.access_token(self.account.pk, now=timezone.now())
        if self.microsoft.grants.holder(token) is None:
            token = grants.access_token(self.account.pk, now=timezone.now(), rejected=token)
        assert self.microsoft.grants.holder(token)
        return token

    def store(self, stored: Callable[..., bool], grant: Any, tokens: oauth.Tokens, **options: Any) -> bool:
        """Stand between the answer and the row: sometimes the process ends right here."""
        if self.crashes:
            self.crashes -= 1
            raise Crash
        self.delivered.add(tokens.refresh_token or grant.tokens["refresh_token"])
        return stored(grant, tokens, **options)

    def _fault(self) -> faults.Fault:
        slow = self.dice.choice([0.01, 0.03, 0.06])
        return self.dice.choice([delayed(slow), delayed(slow), faults.usual(), faults.cut(0.3), faults.broken(503)])

    def _run(self, event: Callable[[], None], delay: float) -> None:
        time.sleep(delay)
        try:
            event()
        except (PermissionFailure, TemporaryFailure, Crash):
            pass
        except BaseException as error:  # noqa: BLE001 (for the main thread)
            self.unexpected.append(error)
        finally:
            connection.close()

    def _ask(self) -> None:
        grants.access_token(self.account.pk, now=timezone.now())

    def _revoke(self) -> None:
        self.microsoft.revoke()

    def _reconnect(self) -> None:
        self.delivered.add(sign_in_again(self.account, self.microsoft).refresh_token)

    def _give_anew(self) -> None:
        """A person takes the permission back at the provider and gives it again, while answers are on their way."""
        self._revoke()
        self._reconnect()

    def _rotate_keys(self) -> None:
        rotating.rotate()

    def _die_holding(self) -> None:
        """Somebody takes the lease and is never heard of again."""
        rows = ProviderAccount.objects.filter(pk=self.account.pk)
        rows.update(refresh_lease=uuid4(), refresh_lease_until=Now() + timedelta(seconds=30))


def test_no_schedule_loses_a_grant_that_works(
    owner: User, microsoft: MicrosoftStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = int(os.environ.get("KITH_FAULTS_SEED", "0")) or random.randrange(1, 10**6)
    print(f"seed {seed}")
    dice = random.Random(seed)
    monkeypatch.setattr(settings, "FIELD_KEYS", [*settings.FIELD_KEYS])
    monkeypatch.setattr(grants, "WAIT_SECONDS", 0.4)
    stored = grants._store
    lost = kept = 0
    for number in range(SCHEDULES):
        schedule = Schedule(owner, microsoft, dice)
        job = ImportJob.objects.create(owner=owner, provider="microsoft", account=schedule.account)
        monkeypatch.setattr(settings, "FIELD_KEYS", [key(f"k{number}"), settings.FIELD_KEYS[0]])
        monkeypatch.setattr(grants, "LEASE", dice.choice(LEASES))
        monkeypatch.setattr(grants, "_store", lambda *args, s=schedule, **options: s.store(stored, *args, **options))
        schedule.play()
        schedule.let_time_pass()
        is_alive = schedule.is_grant_alive()
        try:
            schedule.token_that_works()
            was_kept = True
        except PermissionFailure:
            was_kept = False
        assert was_kept is is_alive, f"seed {seed}, schedule {number}"
        schedule.account.refresh_from_db()
        job.refresh_from_db()
        assert schedule.account.state == ("connected" if is_alive else "needs_reconnect")
        assert job.held_reason == ("" if is_alive else "needs_reconnect")
        kept, lost = kept + is_alive, lost + (not is_alive)
        rotating.rotate()
        microsoft.grants.by_account.clear()
    print(f"{SCHEDULES} schedules: {kept} grants kept, {lost} ended by the provider")
    assert kept
    assert lost
