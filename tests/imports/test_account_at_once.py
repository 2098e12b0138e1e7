"""Twenty callers in two processes with one old token make one token request, and a late answer to it spoils nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from imports.accounts import grants
from imports.models import ProviderAccount
from tests.imports.accounts import make_account, make_old, sign_in_again
from tests.providers import faults
from tests.providers.exchange import Answer, Request
from tests.providers.microsoft import MicrosoftStandIn
from tests.providers.serving import StandIn

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

CALLERS = (10, 10)


def start(account: ProviderAccount, microsoft: MicrosoftStandIn, threads: int) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        **microsoft.settings(),
        "FIELD_KEYS": settings.FIELD_KEYS[0],
        "SECRET_KEY": settings.SECRET_KEY,
    }
    command = [sys.executable, "-m", "tests.imports.asking_at_once", str(account.pk), str(threads)]
    return subprocess.Popen(
        command, cwd=settings.BASE_DIR, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def test_twenty_callers_in_two_processes_make_one_request(owner: User, microsoft: MicrosoftStandIn) -> None:
    microsoft.old_refresh_tokens_live = False
    microsoft.latency = 0.3
    account = make_account(owner, microsoft)
    make_old(account)
    processes = [start(account, microsoft, threads) for threads in CALLERS]
    try:
        for process in processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        answers = [_released(process) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    tokens = [token for answer in answers for token in answer]
    assert len(tokens) == sum(CALLERS)
    account.refresh_from_db()
    assert set(tokens) == {account.tokens["access_token"]}
    assert microsoft.count("token") == 1


@pytest.mark.parametrize("late", [faults.usual(), faults.invalid_grant()], ids=["tokens", "refusal"])
def test_a_late_answer_does_not_replace_what_a_person_has_signed_in_for(
    owner: User, microsoft: MicrosoftStandIn, late: faults.Fault
) -> None:
    """The person took the permission back and gave a new one while the answer was on its way."""
    account = make_account(owner, microsoft)
    make_old(account)

    def meanwhile(stand_in: StandIn, request: Request, usual: Callable[[], Answer]) -> Answer:
        answer = late.spoil(stand_in, request, usual)
        microsoft.revoke()
        sign_in_again(account, microsoft)
        connection.close()
        return answer

    microsoft.fault("token", faults.Fault(meanwhile))
    token = grants.access_token(account.pk, now=timezone.now())
    assert microsoft.grants.holder(token)
    account.refresh_from_db()
    assert (account.state, account.tokens["access_token"]) == ("connected", token)
    assert microsoft.grants.refreshed(account.tokens["refresh_token"])


def test_nobody_renews_with_what_was_read_before_somebody_else_has_renewed(
    owner: User, microsoft: MicrosoftStandIn
) -> None:
    account = make_account(owner, microsoft)
    before = grants.Grant(account, account.tokens)
    sign_in_again(account, microsoft)
    assert grants._take_lease(before) is None


def _released(process: subprocess.Popen[str]) -> list[str]:
    out, _ = process.communicate("go\n", timeout=60)
    return out.split()
