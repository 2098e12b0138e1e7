"""The search for tokens finds them where they are."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from django_q.tasks import async_task

from tests import leaks
from tests.factories import make_contact
from tests.providers import grants
from tests.providers.google import google_stand_in
from tests.providers.grants import MARKER

pytestmark = pytest.mark.django_db


def found(request: pytest.FixtureRequest) -> list[str]:
    return list(leaks.search(request.node))


def test_nothing_is_found_where_nothing_is(request: pytest.FixtureRequest, owner: User) -> None:
    make_contact(owner)
    assert found(request) == []


def test_a_token_in_a_row_is_found(request: pytest.FixtureRequest, owner: User) -> None:
    make_contact(owner, notes=f"x {MARKER}-access-1 y")
    assert "the table contacts_contact" in found(request)


def test_a_token_in_a_session_is_found(request: pytest.FixtureRequest) -> None:
    session = SessionStore()
    session["oops"] = f"{MARKER}-code-1"
    session.save()
    assert "a session" in found(request)


def test_a_token_in_a_queued_task_is_found(request: pytest.FixtureRequest) -> None:
    async_task("config.tasks.beat", f"{MARKER}-refresh-1")
    assert "a queued task" in found(request)


def test_a_token_in_an_answer_is_found(request: pytest.FixtureRequest, admin_client: Client, owner: User) -> None:
    contact = make_contact(owner, f"{MARKER} Smith")
    admin_client.get(f"/admin/contacts/contact/{contact.pk}/change/")
    assert f"the answer to GET /admin/contacts/contact/{contact.pk}/change/" in found(request)


def test_a_token_in_the_log_is_found(request: pytest.FixtureRequest, caplog: Any) -> None:
    logging.getLogger("kith").warning("renewed %s", f"{MARKER}-access-1")
    request.node.add_report_section("call", "log", caplog.text)
    assert "the log" in found(request)


def test_a_test_that_gets_a_token_is_known_by_it(request: pytest.FixtureRequest) -> None:
    with google_stand_in() as google:
        google.granted("x")
    assert request.node.stash[leaks.ISSUED] < grants.issued
