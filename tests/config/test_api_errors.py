"""Errors under /api are JSON wherever they come from."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path

from config import urls

pytestmark = pytest.mark.django_db


def crash(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a crash that a test asked for")


urlpatterns = [path("api/crash", crash), path("", include(urls))]


@pytest.fixture
def browser(admin_user: Any) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(admin_user)
    return client


@pytest.mark.parametrize(
    "address", ["nope", "v1/contacts/import/status/abc", "cron/nope", "v1/contacts/import/jobs/1/"]
)
def test_an_unknown_address_is_not_found_in_the_words_of_the_api(browser: Client, address: str) -> None:
    answer = browser.get(f"/api/{address}")
    assert (answer.status_code, answer.json()) == (
        404,
        {"error": "There is no such thing here.", "code": "not_found"},
    )


def test_a_wrong_method_is_named_with_those_that_are_taken(browser: Client) -> None:
    answer = browser.delete("/api/v1/contacts/import/list")
    assert (answer.status_code, answer.json()["code"], answer.headers["Allow"]) == (405, "method_not_allowed", "GET")


@pytest.mark.urls(__name__)
def test_a_crash_is_answered_without_a_word_of_it_unless_somebody_is_debugging(
    browser: Client, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    answer = browser.get("/api/crash")
    assert (answer.status_code, answer.json()) == (
        500,
        {"error": "Internal Server Error.", "code": "internal_server_error"},
    )
    settings.DEBUG = True
    assert "a crash that a test asked for" in browser.get("/api/crash").content.decode()


def test_pages_outside_the_api_stay_pages(browser: Client) -> None:
    assert browser.get("/nope").headers["Content-Type"].startswith("text/html")
