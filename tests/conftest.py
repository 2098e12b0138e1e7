"""What every test gets: a database, a folder for files, fast passwords, and no network but this machine's."""

from __future__ import annotations

import base64
import ipaddress
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import TransactionTestCase, override_settings

from contacts.chats.counting import tally
from media_store.access import accesses
from tests import database
from tests.factories import make_user
from tests.media_store.network import nobody_is_trapped, trap  # noqa: F401 (fixtures)
from tests.pristine import Pristine

pytest_plugins = ["tests.leaks"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what starts processes and mostly waits: the short tests left can then be shared to the last second."""
    items.sort(key=lambda item: not (item.get_closest_marker("processes") or item.get_closest_marker("browser")))


@pytest.fixture(scope="session", autouse=True)
def settings_for_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What differs from production: where files go, how long a password takes, static files without a manifest."""
    media_dir = tmp_path_factory.mktemp("media")
    files = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": media_dir}}
    static = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    with override_settings(
        SECRET_KEY=secrets.token_urlsafe(50),
        FIELD_KEYS=[f"test:{base64.b64encode(secrets.token_bytes(32)).decode()}"],
        MEDIA_DIR=media_dir,
        ERASURE_LEDGER=media_dir.parent / "erasures.jsonl",
        STATIC_ROOT=tmp_path_factory.mktemp("static"),  # whitenoise warns of one that is not there
        STORAGES={**settings.STORAGES, "files": files, "staticfiles": static},
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        SECURE_SSL_REDIRECT=False,
        MIDDLEWARE=["tests.leaks.watched", *settings.MIDDLEWARE],
        AXES_ENABLED=False,  # client.login() has no request; the tests of lockout switch it on
    ):
        yield


@pytest.fixture(autouse=True)
def empty_store(settings_for_tests: None) -> Iterator[None]:
    """What a test stores goes with it, as its rows do: others read the whole folder."""
    yield
    for path in settings.MEDIA_DIR.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, settings_for_tests: None, django_db_blocker: Any, request: pytest.FixtureRequest
) -> Iterator[None]:
    """Instead of pytest-django's: copies of one migrated template, on a cluster for tests (tests/database.py).

    A test with real transactions leaves it as it was, like any other (tests/pristine.py).
    DATABASE_URL is set as well, so that processes which a test starts work on the same database.
    """
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    with django_db_blocker.unblock(), database.test_database(worker), pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", database.url())
        patch.setenv("MEDIA_DIR", str(settings.MEDIA_DIR))
        pristine = Pristine()
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: pristine.restore())
        yield
        accesses.reset()  # at the exit of the process the database is gone
        tally.reset()


@pytest.fixture(scope="session", autouse=True)
def only_this_machine() -> Iterator[None]:
    """Fail any test that connects to, or looks up, another machine."""
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(sock: socket.socket, address: Any) -> None:
        _refuse_strangers(address)
        connect(sock, address)

    def guarded_connect_ex(sock: socket.socket, address: Any) -> int:
        _refuse_strangers(address)
        return connect_ex(sock, address)

    def guarded_look_up(host: Any, *args: Any, **options: Any) -> Any:
        _refuse_strangers((host or "localhost",))
        return look_up(host, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        yield


def _refuse_strangers(address: Any) -> None:
    """Fail the test unless `address` is a Unix socket's or this machine's."""
    if not isinstance(address, tuple):
        return
    host = os.fsdecode(address[0])
    if host in ("localhost", "", socket.gethostname()) or host.endswith(".localhost"):
        return
    try:
        is_ours = ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        is_ours = False
    if not is_ours:
        pytest.fail(f"A test tried to reach {host}.")


@pytest.fixture
def owner(db: None) -> User:
    """A staff user."""
    return make_user("alice")


@pytest.fixture
def other_owner(db: None) -> User:
    """Another staff user, who may see nothing of `owner`'s."""
    return make_user("bob")


@pytest.fixture
def admin_user(db: None) -> User:
    """A superuser; pytest-django's `admin_client` signs them in."""
    return make_user("admin", is_superuser=True)
