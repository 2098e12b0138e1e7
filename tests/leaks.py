"""A pytest plugin: no token of a stand-in may appear in a log, an answer, a row or a queued task, in any test.

Every token that the stand-ins give out contains a marker. After each test that used one, what the test has logged, what
Django has answered and every table of the database are searched for it, sessions and queued tasks in the clear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse

from tests.providers import grants
from tests.providers.grants import MARKER

ISSUED = pytest.StashKey[int]()
"""How many tokens the stand-ins had given out before the test."""

_found: list[str] = []


def watched(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware for tests, before all others: note an answer that carries a token."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        sent = f"{dict(response.items())}".encode() + (b"" if response.streaming else response.content)
        if MARKER.encode() in sent:
            _found.append(f"the answer to {request.method} {request.path}")
        return response

    return middleware


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    _found.clear()
    item.stash[ISSUED] = grants.issued


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Look while the rows of the test are still there, and let the test fail when all has been put away."""
    is_used = grants.issued != item.stash.get(ISSUED, grants.issued)
    found = list(search(item)) if is_used else []
    yield
    assert not found, f"A token is in {', '.join(found)}."


def search(item: pytest.Item) -> Iterator[str]:
    """Yield where the marker is: in answers, tables, tasks and the log of this test."""
    yield from _found
    if item.get_closest_marker("django_db") or {"db", "transactional_db"} & set(getattr(item, "fixturenames", ())):
        yield from _in_database()
    yield from (f"the {name}" for _, name, text in item._report_sections if MARKER in text)


def _in_database() -> Iterator[str]:
    from django.db import connection

    if connection.in_atomic_block and connection.needs_rollback:
        return
    look = "select '{0}' from \"{0}\" t where t::text like %s"
    with connection.cursor() as cursor:
        tables = [table.name for table in connection.introspection.get_table_list(cursor) if table.type == "t"]
        cursor.execute(" union ".join(look.format(table) for table in tables), [f"%{MARKER}%"] * len(tables))
        yield from (f"the table {row[0]}" for row in cursor.fetchall())
    yield from _encoded()


def _encoded() -> Iterator[str]:
    """Look into what is stored in a form that hides its text."""
    from django.contrib.sessions.models import Session
    from django_q.models import OrmQ
    from django_q.signing import SignedPackage

    for session in Session.objects.all():
        if MARKER in str(session.get_decoded()):
            yield "a session"
    for task in OrmQ.objects.all():
        if MARKER in str(_opened(SignedPackage, task.payload)):
            yield "a queued task"


def _opened(package: Any, payload: str) -> Any:
    try:
        return package.loads(payload)
    except Exception:  # noqa: BLE001 (some tests queue what cannot be read)
        return payload
