"""What tests/conftest.py promises to every other test."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.core.files.storage import storages
from django.db import connection

from config.audit import Verb, record
from contacts.models import Contact, DealStage
from tests.config.backups import this_hub
from tests.factories import make_contact, make_picture, make_user
from tests.pristine import Pristine


def test_a_connection_to_another_machine_fails_the_test() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"192\.0\.2\.1"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


def test_a_name_is_not_looked_up() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"example\.com"):
        socket.getaddrinfo("example.com", 80)


def test_this_machine_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


def test_files_go_to_a_folder_of_this_run() -> None:
    location = storages["files"].location  # type: ignore[attr-defined]
    assert location == str(settings.MEDIA_DIR)
    assert settings.BASE_DIR not in settings.MEDIA_DIR.parents


@pytest.mark.django_db
def test_the_databases_cache_has_its_table() -> None:
    cache.set("answer", 42)
    assert cache.get("answer") == 42


@pytest.mark.django_db
def test_each_worker_has_a_database_of_its_own() -> None:
    assert os.environ.get("PYTEST_XDIST_WORKER", "main") in connection.settings_dict["NAME"]


@pytest.mark.django_db(transaction=True)
def test_real_transactions_leave_what_the_migrations_wrote_and_nothing_else() -> None:
    pristine, before = Pristine(), this_hub().rows()
    owner = make_user()
    make_picture(make_contact(owner, email="ada@example.com"))
    record(Verb.MERGED, Contact, owner_id=owner.pk)
    DealStage.objects.update(position=7)
    Group.objects.all().delete()
    cache.set("answer", 42)
    pristine.restore()
    assert this_hub().rows() == before
    assert cache.get("answer") is None


@pytest.mark.django_db(transaction=True)
def test_a_process_that_a_test_starts_works_on_the_same_database(owner: User) -> None:
    script = "from django.contrib.auth.models import User; print(User.objects.get().username)"
    run = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v0", "-c", script],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
    )
    assert run.stdout == "alice\n", run.stderr
