"""The statements of an import look people up one by one, also in tables that nobody has counted yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from config.jobs.claiming import claim
from config.jobs.draining import Budget
from imports import lifecycle
from imports.creating import CONTACTS, ORGANIZATIONS, TAGGED, TAGS
from imports.executing import _parameters
from imports.matching import CANDIDATES
from imports.models import ImportJob
from imports.running import run_import_jobs
from imports.updating import UPDATE
from tests.imports.builders import card, cards, import_file, many_cards, start

pytestmark = pytest.mark.django_db

PEOPLE = 200


def step() -> None:
    run_import_jobs(claim(ImportJob, limit=1), Budget.of(None))


def rows_looked_at_in_vain(statement: str, parameters: Mapping[str, Any]) -> float:
    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")  # as each chunk does
        cursor.execute(f"explain (analyze, costs off, timing off, summary off, format json) {statement}", parameters)
        return wasted(cursor.fetchone()[0][0]["Plan"])


def wasted(node: Mapping[str, Any]) -> float:
    """Return how many rows this part of a plan read and dropped; the figures of EXPLAIN are those of one loop."""
    dropped = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Join Filter", 0)
    return float(dropped * node["Actual Loops"]) + sum(wasted(part) for part in node.get("Plans", []))


@pytest.fixture
def changed(owner: User) -> ImportJob:
    """Everybody is known, the file says something new of each, and no table has statistics: nothing is committed."""
    import_file(owner, many_cards(PEOPLE))
    job = start(owner, many_cards(PEOPLE).replace("ORG:", "TITLE:Director\r\nORG:"), on_conflict="overwrite")
    step()
    return job


@pytest.fixture
def strangers(owner: User) -> ImportJob:
    """Nobody is known, and each is the only one with this organization and this tag."""
    lines = ([f"ORG:Company {number}", f"CATEGORIES:Tag {number}"] for number in range(PEOPLE))
    job = start(owner, cards(*(card(f"Given{n} Family", lines=own) for n, own in enumerate(lines))))
    step()
    step()
    lifecycle.confirm(job)
    return job


def test_creating_looks_each_organization_and_tag_up(strangers: ImportJob) -> None:
    parameters = _parameters(strangers, first=1, last=PEOPLE)
    with connection.cursor() as cursor:
        cursor.execute(ORGANIZATIONS, parameters)
        cursor.execute(TAGS, parameters)
    assert rows_looked_at_in_vain(CONTACTS, parameters) < PEOPLE * 5
    assert rows_looked_at_in_vain(TAGGED, parameters) < PEOPLE * 5


def test_matching_looks_each_identity_and_address_up(changed: ImportJob) -> None:
    parameters = _parameters(changed, first=1, last=PEOPLE)
    assert rows_looked_at_in_vain(CANDIDATES, parameters) < PEOPLE * 5


def test_updating_looks_each_contact_up(changed: ImportJob) -> None:
    step()
    lifecycle.confirm(changed)
    assert rows_looked_at_in_vain(UPDATE, _parameters(changed, first=1, last=PEOPLE)) < PEOPLE * 20
