from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.admin.rows import make_member


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Hundreds of refused requests are expected here, and each traceback in the log would take longer than the page."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def member(db: None) -> User:
    """A staff user with the rights of a member."""
    return make_member("carol")


@pytest.fixture
def signed_in(client: Client, member: User) -> Client:
    """A browser in which `member` is signed in, and what a process asks once is known."""
    client.force_login(member)
    client.get(reverse("admin:password_change"))
    return client
