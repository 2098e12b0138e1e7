"""A word in every column of a person, in every file and every trace, is nowhere after they were erased."""

from __future__ import annotations

import base64
import io
import os
import secrets
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import models
from django.db.models.functions import Cast
from django.utils import timezone
from django_q.models import OrmQ, Task
from django_q.signing import SignedPackage
from PIL import Image

from config.jobs.draining import drain
from config.jobs.models import JobAttempt
from config.notices.models import Notice
from contacts import registries
from contacts.erasing import erase_contacts
from contacts.merging import Pair, merge
from contacts.models import Contact, ContactPicture, MergeRecord
from imports.models import ImportJob, ImportRow
from media_store.hosts import address_hash
from media_store.models import BLOB_LIMIT, Blob, FailedAddress, PhotoHost, PhotoJob, StoredFile
from tests.contacts.marked import dump, files_with, lines_with, mark_everything
from tests.factories import make_contact, make_picture, make_user
from tests.imports.builders import card, cards, import_file

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner() -> User:
    return make_user("alice")


@pytest.fixture
def word() -> str:
    """A word that nothing else in the hub says, short enough for the shortest columns."""
    return f"Zq{secrets.token_hex(3)}"


def says(column: str, word: str) -> bool:
    label, _, name = column.rpartition(".")
    rows = apps.get_model(label)._default_manager.annotate(said=Cast(name, models.TextField()))
    return bool(rows.filter(said__icontains=word).exists())


def assert_nowhere(word: str, tmp_path: Path) -> None:
    left = lines_with(dump(tmp_path / "after.sql"), word)
    assert left == [], "\n".join(left)
    assert files_with(word) == []


def noisy_jpeg(word: str) -> bytes:
    """Draw a JPEG of more than half a megabyte whose comment is the word."""
    picture = io.BytesIO()
    noise = Image.frombytes("RGB", (700, 700), os.urandom(700 * 700 * 3))
    noise.save(picture, "JPEG", quality=95, comment=word.encode())
    content = picture.getvalue()
    assert len(content) > BLOB_LIMIT
    return content


def photo(word: str) -> str:
    return f"PHOTO;ENCODING=b;TYPE=JPEG:{base64.b64encode(noisy_jpeg(word)).decode()}"


def test_a_word_in_every_column_is_nowhere_after_an_erasure(owner: User, word: str, tmp_path: Path) -> None:
    marked = mark_everything(owner, word)
    empty = [name for name, relation in registries.relations.items() if not relation.rows([marked.contact.pk]).exists()]
    # A contact is either the first or the second of a pair, and a deal is shared.
    assert set(empty) <= {
        ("contacts.DuplicateSuggestion", "first"),
        ("contacts.DuplicateSuggestion", "second"),
        ("contacts.Deal_contacts", "contact"),
    }
    assert [column for column in marked.columns if not says(column, word)] == []
    assert len(files_with(word)) > 1
    report = erase_contacts([marked.contact.pk], now=timezone.now())
    assert (report.contacts, report.problems) == (1, [])
    assert_nowhere(word, tmp_path)
    assert Contact.objects.get().display_name == "Bo Example"


def test_somebody_who_was_imported_with_a_large_picture_and_merged_is_nowhere(
    owner: User, word: str, tmp_path: Path
) -> None:
    ada, friend = f"Ada {word}", "Bo Example"
    first = import_file(
        owner,
        cards(
            card(
                ada,
                uid=f"{word}-1",
                emails=[f"ada@{word}.example.com"],
                lines=[f"ORG:{word}", f"NOTE:{word}", photo(word)],
            ),
            card(friend, uid="bo", emails=["bo@example.com"]),
        ),
        f"ada_{word}.vcf",
    )
    import_file(
        owner, card(f"A. {word}", uid=f"{word}-2", phones=["+12025550110"], lines=[photo(word), f"CATEGORIES:{word}"])
    )
    drain("photos", seconds=None)
    survivor, loser = Contact.objects.filter(display_name__contains=word).order_by("pk")
    merge(Pair(survivor.pk, loser.pk), owner_id=owner.pk, now=timezone.now())
    # The loser's picture lives on in the journal alone.
    assert (ContactPicture.objects.count(), PhotoJob.objects.count()) == (1, 2)
    assert len(lines_with(dump(tmp_path / "before.sql"), word)) >= 8
    assert len(files_with(word)) == 4  # two uploads, two pictures
    report = erase_contacts([survivor.pk], now=timezone.now())
    assert (report.contacts, report.freed.files) == (1, 6)
    assert_nowhere(word, tmp_path)
    assert not any(model._default_manager.exists() for model in (PhotoJob, StoredFile, Blob, MergeRecord))
    assert not JobAttempt.objects.filter(kind="media_store.photojob").exists()
    job = ImportJob.objects.get(pk=first.pk)
    assert (job.total, job.created, job.upload.name, job.upload_name) == (2, 2, "", "")
    rows = ImportRow.objects.filter(job=job).values_list("position", "decision", "outcome", "reason")
    assert list(rows) == [(1, "create", "created", "erased"), (2, "create", "created", "new")]
    again = import_file(owner, card(ada, uid=f"{word}-1"))
    assert again.created == 1


def test_what_only_speaks_of_somebody_goes_too(owner: User, word: str, tmp_path: Path) -> None:
    email = f"ada@{word}.example.com".casefold()
    contact = make_contact(owner, f"Ada {word}", email=email)
    url = f"https://{word}.example.com/ada.jpg".casefold()
    make_picture(contact, job_source_url=url)
    former = make_contact(owner, f"A. {word}")
    visitor = leave_traces(owner, contact, email=email)
    log(owner, former.pk, str(former))
    merge(Pair(contact.pk, former.pk), owner_id=owner.pk, now=timezone.now())
    PhotoHost.objects.create(host=f"{word}.example.com".casefold())
    PhotoHost.objects.create(host="pictures.example.com")
    assert len(lines_with(dump(tmp_path / "before.sql"), word.casefold())) >= 9
    report = erase_contacts([contact.pk], now=timezone.now())
    traces = {trace.title: report.rows.get(trace.title, 0) for trace in registries.traces}
    assert traces == {
        **dict.fromkeys(traces, 0),
        "entries of the admin's history": 2,
        "messages in sessions": 2,
        "background tasks": 2,
        "cached values": 1,
        "notices": 1,
    }
    assert_nowhere(word.casefold(), tmp_path)
    assert SessionStore(visitor).load() == {"kept": "yes"}
    assert Session.objects.count() == 2
    assert cache.get("other") == "Bo Example"
    assert list(PhotoHost.objects.values_list("host", flat=True)) == ["pictures.example.com"]
    assert not FailedAddress.objects.exists()
    assert LogEntry.objects.filter(user=owner, action_flag=CHANGE).count() == 2


def log(owner: User, pk: object, name: str) -> None:
    LogEntry.objects.create(
        user=owner,
        content_type=ContentType.objects.get_for_model(Contact),
        object_id=str(pk),
        object_repr=name,
        action_flag=CHANGE,
        change_message=f'[{{"changed": {{"name": "contact email", "object": "{name}", "fields": ["address"]}}}}]',
    )


def leave_traces(owner: User, contact: Contact, *, email: str) -> str:
    """Write what Django, the queue and a digest write of a contact; return the key of a session."""
    log(owner, contact.pk, str(contact))
    session = SessionStore()
    session.update({"_messages": f'[["Contact {contact} was changed."]]', "kept": "yes"})
    session.save()
    expired = SessionStore()
    expired["_messages"] = f'[["Contact {contact} was merged."]]'
    expired.save()
    Session.objects.filter(pk=expired.session_key).update(expire_date=timezone.now())
    error = f"Key (contact_id, address)=({contact.pk}, {email}) already exists."
    now = timezone.now()
    Task.objects.create(id="1", name="failed", func="x", started=now, stopped=now, success=False, result=error)
    Task.objects.create(id="2", name="fine", func="x", started=now, stopped=now, success=True, result="Bo Example")
    OrmQ.objects.create(key="kith", payload=SignedPackage.dumps({"func": "x", "args": (email,)}), lock=now)
    cache.set("one", {"people": [email]})
    cache.set("other", "Bo Example")
    Notice.objects.create(owner=owner, kind="alert", channel="email", subject=f"{contact} is going cold", body="Soon")
    Notice.objects.create(owner=owner, kind="alert", channel="email", subject="Bo is going cold", body="Soon")
    job = contact.pictures.get().photo_job
    JobAttempt.objects.create(kind="media_store.photojob", job_id=job.pk, outcome="failed", code="timeout")
    FailedAddress.objects.create(url_sha256=address_hash(job.source_url), verdict="timeout", until=now)
    return str(session.session_key)
