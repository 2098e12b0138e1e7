"""The statements of an import look people up one by one, also in tables that nobody has counted yet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from config.jobs.claiming import claim
from config.jobs.draining import Budget
from imports import lifecycle
from imports.executing import _parameters
from imports.matching import CANDIDATES
from imports.models import ImportJob
from imports.running import run_import_jobs
from imports.updating import UPDATE
from tests.imports.builders import import_file, many_cards, start

pytestmark = pytest.mark.django_db

PEOPLE = 200
WASTED = re.compile(r"Rows Removed by (?:Join )?Filter: (\d+)")


def step() -> None:
    run_import_jobs(claim(ImportJob, limit=1), Budget.of(None))


def rows_looked_at_in_vain(statement: str, parameters: Mapping[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"explain (analyze, costs off, timing off, summary off) {statement}", parameters)
        return sum(int(number) for line in cursor.fetchall() for number in WASTED.findall(line[0]))


@pytest.fixture
def changed(owner: User) -> ImportJob:
    """Everybody is known, the file says something new of each, and no table has statistics: nothing is committed."""
    import_file(owner, many_cards(PEOPLE))
    job = start(owner, many_cards(PEOPLE).replace("ORG:", "TITLE:Director\r\nORG:"), on_conflict="overwrite")
    step()
    return job


def test_matching_looks_each_identity_and_address_up(changed: ImportJob) -> None:
    parameters = _parameters(changed, first=1, last=PEOPLE)
    assert rows_looked_at_in_vain(CANDIDATES, parameters) < PEOPLE * 5


def test_updating_looks_each_contact_up(changed: ImportJob) -> None:
    step()
    lifecycle.confirm(changed)
    assert rows_looked_at_in_vain(UPDATE, _parameters(changed, first=1, last=PEOPLE)) < PEOPLE * 20
