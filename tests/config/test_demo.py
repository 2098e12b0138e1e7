from __future__ import annotations

import fcntl
import io
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from config import demo, demo_google, demo_history
from contacts.models import CommunicationEvent, Contact, ContactPicture
from contacts.pictures import image_url, with_pictures
from health.models import DealHealth, RelationshipHealth
from imports.models import ImportJob, ProviderAccount
from media_store.models import PhotoJob

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """One at a time on this machine: the demo's two servers stand on fixed ports."""
    with Path(tempfile.gettempdir(), f"kith-demo-tests-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, settings: LazySettings) -> None:
    """Keep the password apart from that of a real demo."""
    settings.MEDIA_DIR = tmp_path / "media"


def run_demo(*options: str) -> str:
    out = io.StringIO()
    call_command("demo", *options, stdout=out)
    return out.getvalue()


def everything() -> list[Any]:
    """Return what a second run must leave as it is, with the times of the last change."""
    return [
        sorted(Contact.objects.values_list("pk", "display_name", "updated_at")),
        sorted(PhotoJob.objects.values_list("pk", "sha256", "checked_at")),
        sorted(ImportJob.objects.values_list("pk", "state")),
        sorted(CommunicationEvent.objects.values_list("pk", "happened_at")),
        sorted(RelationshipHealth.objects.values_list("pk", "score")),
    ]


def test_the_demo_fills_the_hub_and_a_second_run_changes_nothing() -> None:
    output = run_demo()
    contacts, photos = Contact.objects.count(), PhotoJob.objects.filter(state="completed").count()
    assert contacts >= 66
    assert photos >= 64
    assert Contact.objects.filter(identities__source="google").count() == demo_google.PEOPLE
    assert ProviderAccount.objects.get().state == "disconnected"
    assert output.splitlines()[-1] == f"demo: ok contacts={contacts} photos={photos} failed=0"
    assert set(RelationshipHealth.objects.exclude(score=None).values_list("status", flat=True)) >= {"healthy", "ghost"}
    assert DealHealth.objects.count() == len(demo_history.DEALS)
    before = everything()
    again = run_demo()
    assert again.splitlines()[-1] == output.splitlines()[-1]
    assert again.count("nothing changed") == len([*demo.SAMPLES, "Google", "mail"])
    assert everything() == before


def test_it_says_how_to_sign_in_and_the_password_works(client: Any) -> None:
    output = run_demo()
    password = output.split("user admin, password ")[1].split()[0]
    assert client.login(username="admin", password=password)
    assert f"password {password}" in run_demo()
    answer = json.loads(run_demo("--json"))
    assert answer == {
        "contacts": Contact.objects.count(),
        "photos": PhotoJob.objects.exclude(file="").count(),
        "failed": 0,
        "user": "admin",
        "password": password,
    }


def test_both_files_give_pictures_and_people_in_both_are_one_contact() -> None:
    run_demo()
    mara = with_pictures(Contact.objects.filter(display_name="Mara Lindholm")).get()
    assert mara.emails.count() == 2
    assert image_url(mara)
    assert set(ContactPicture.objects.values_list("source", flat=True)) == {"vcard", "csv", "google"}


def test_a_user_called_admin_keeps_their_password() -> None:
    User.objects.create_superuser("admin", "admin@example.com", "my own")
    assert "password the one you chose" in run_demo()
    assert User.objects.get().check_password("my own")


def test_a_taken_port_is_named_and_what_was_imported_stays() -> None:
    taken = pytest.raises(CommandError, match=r"127\.0\.0\.1:8765, which is taken")
    with socket.create_server(("127.0.0.1", demo.PORTRAITS_PORT)), taken:
        run_demo()
    assert Contact.objects.count() >= 60
    assert run_demo().splitlines()[-1].endswith("failed=0")
