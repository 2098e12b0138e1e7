from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts.models import UserProfile

pytestmark = pytest.mark.django_db

PAGE = "/admin/password_change/"


def visit(client: Client) -> list[str]:
    """Ask for a page; return the statements about profiles."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get(PAGE).status_code == 200
    return [query["sql"] for query in queries if "contacts_userprofile" in query["sql"]]


def test_a_first_visit_makes_the_profile_and_notes_the_time(client: Client, owner: User) -> None:
    client.force_login(owner)
    before = timezone.now()
    assert len(visit(client)) == 2
    assert UserProfile.objects.get(user=owner).last_seen_at >= before  # type: ignore[operator]


def test_within_the_hour_nothing_is_written(client: Client, owner: User) -> None:
    client.force_login(owner)
    recent = timezone.now() - timedelta(minutes=59)
    UserProfile.objects.create(user=owner, last_seen_at=recent, time_zone="Europe/Berlin")
    assert len(visit(client)) == 1
    assert UserProfile.objects.get(user=owner).last_seen_at == recent


def test_after_an_hour_only_the_time_is_written(client: Client, owner: User) -> None:
    client.force_login(owner)
    old = timezone.now() - timedelta(minutes=61)
    UserProfile.objects.create(user=owner, last_seen_at=old, time_zone="Europe/Berlin", phone_region="DE")
    assert len(visit(client)) == 2
    profile = UserProfile.objects.get(user=owner)
    assert profile.last_seen_at
    assert profile.last_seen_at > old
    assert (profile.time_zone, profile.phone_region) == ("Europe/Berlin", "DE")


def test_strangers_leave_no_trace(client: Client, db: None) -> None:
    client.get("/admin/login/")
    assert not UserProfile.objects.exists()
