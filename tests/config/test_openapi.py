"""Whatever is sent to the API, it answers as its OpenAPI document says: status, type, shape; and never with a 500."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import schemathesis
from django.conf import settings
from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi_checks

from config.api import api
from imports.models import ImportJob
from tests.admin.rows import make_import
from tests.imports.accounts import make_account

pytestmark = pytest.mark.django_db

EXAMPLES = 8
CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]
CSRF = "c" * 32

handler = cache(WSGIHandler)


def application(environ: Any, start_response: Any) -> Any:
    """The whole of Django, made when the first test asks: by then the settings are those of the tests."""
    return handler()(environ, start_response)


schema = schemathesis.openapi.from_dict(api.get_openapi_schema())
schema.app = application
OPERATIONS: dict[str, Any] = {found.ok().label: found.ok() for found in schema.get_all_operations()}  # type: ignore[union-attr]


@pytest.fixture
def cookies(client: Client, owner: User) -> Iterator[dict[str, str]]:
    """Sign in as a browser does, and keep the connection of the test's transaction open between requests."""
    client.force_login(owner)
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield {
        settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value,
        settings.CSRF_COOKIE_NAME: CSRF,
    }
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_as_the_document_says(label: str, cookies: dict[str, str], owner: User) -> None:
    operation = OPERATIONS[label]
    jobs = [make_import(owner, f"{state}", state=state).pk for state in ("ready", "failed")]
    account = make_account(owner)

    @seed(1)
    @hypothesis_settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(data=st.data())
    def ask(data: Any) -> None:
        case = data.draw(operation.as_strategy())
        known = {"job_id": data.draw(st.sampled_from([*jobs, None]))}
        case.path_parameters.update({name: known[name] for name in case.path_parameters if known.get(name)})
        if "account" in (case.query or {}) and data.draw(st.booleans()):
            case.query["account"] = str(account.pk)
        case.cookies = cookies if data.draw(st.integers(0, 9)) else {}
        case.call_and_validate(headers={"X-CSRFToken": CSRF, "Host": "127.0.0.1"}, checks=CHECKS)

    ask()
    assert ImportJob.objects.filter(pk__in=jobs).count() == len(jobs)


def test_the_document_names_every_address_of_the_contract() -> None:
    paths = {label.partition(" ")[2] for label in OPERATIONS}
    base = "/api/v1/contacts/import"
    jobs = ("preview", "confirm", "cancel", "retry", "undo", "failed.csv")
    expected = {f"{base}/{end}" for end in ("{provider}/start", "{provider}/callback", "upload", "list", "health")}
    expected |= {f"{base}/status/{{job_id}}", *(f"{base}/jobs/{{job_id}}/{end}" for end in jobs)}
    assert expected <= paths


def test_every_answer_that_is_no_success_is_an_error_with_a_code() -> None:
    for label, operation in OPERATIONS.items():
        for status, answer in operation.definition.raw["responses"].items():
            if int(status) >= 400:
                assert "Problem" in str(answer), f"{label} {status}"
