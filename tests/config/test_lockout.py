from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django.fixtures import Settings

from config.lockout import client_address

pytestmark = pytest.mark.django_db

HERE, ELSEWHERE = "192.0.2.1", "198.51.100.1"
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def switched_on(settings: Settings) -> None:
    settings.AXES_ENABLED = True


def sign_in(username: str, password: str, *, address: str = HERE, **headers: str) -> int:
    response = Client().post(
        reverse("admin:login"), {"username": username, "password": password}, REMOTE_ADDR=address, headers=headers
    )
    return response.status_code


def test_five_failures_lock_this_name_for_this_address_only(owner: User) -> None:
    assert [sign_in("alice", "guess") for _ in range(5)] == [200, 200, 200, 200, 429]
    assert sign_in("alice", "password") == 429
    assert sign_in("alice", "password", address=ELSEWHERE) == 302


def test_four_failures_do_not(owner: User) -> None:
    for _ in range(4):
        sign_in("alice", "guess")
    assert sign_in("alice", "password") == 302


def test_another_person_at_the_same_address_still_gets_in(owner: User, other_owner: User) -> None:
    for _ in range(5):
        sign_in("alice", "guess")
    assert sign_in("bob", "password") == 302


def test_fifty_failures_with_any_names_lock_the_address(owner: User) -> None:
    for number in range(50):
        sign_in(f"nobody{number}", "guess")
    assert sign_in("alice", "password") == 429
    assert sign_in("alice", "password", address=ELSEWHERE) == 302


def test_the_lock_ends_after_a_quarter_of_an_hour_even_if_the_guessing_goes_on(owner: User) -> None:
    with time_machine.travel(NOON, tick=False):
        for _ in range(5):
            sign_in("alice", "guess")
    with time_machine.travel(NOON + timedelta(minutes=14), tick=False):
        assert sign_in("alice", "guess") == 429
    with time_machine.travel(NOON + timedelta(minutes=16), tick=False):
        assert sign_in("alice", "password") == 302


def test_a_forged_address_does_not_help(owner: User) -> None:
    statuses = [sign_in("alice", "guess", **{"X-Forwarded-For": f"203.0.113.{number}"}) for number in range(5)]
    assert statuses[-1] == 429


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "203.0.113.9", HERE),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (2, "6.6.6.6, 203.0.113.9, 198.51.100.2", "203.0.113.9"),
        (2, "203.0.113.9", HERE),
        (1, "", HERE),
    ],
)
def test_only_what_our_own_proxies_appended_counts(
    settings: Settings, proxies: int, forwarded: str, expected: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory().get("/", REMOTE_ADDR=HERE, HTTP_X_FORWARDED_FOR=forwarded)
    assert client_address(request) == expected
