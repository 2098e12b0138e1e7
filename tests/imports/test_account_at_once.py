"""Twenty callers in two processes with one old token make one token request."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from imports.models import ProviderAccount
from tests.imports.accounts import make_account, make_old
from tests.providers.microsoft import MicrosoftStandIn

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


def _released(process: subprocess.Popen[str]) -> list[str]:
    out, _ = process.communicate("go\n", timeout=60)
    return out.split()
