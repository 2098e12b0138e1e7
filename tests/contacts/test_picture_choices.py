"""What people decide about the pictures of a contact: pin and block."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User

from contacts.models import Contact, ContactPicture
from contacts.pictures import block, choose, pin, unblock, unpin
from media_store.models import PhotoJob
from tests.factories import make_contact, make_picture

pytestmark = pytest.mark.django_db


def shown(contact: Contact) -> str:
    picture = choose(ContactPicture.objects.filter(contact=contact).select_related("photo_job")).picture
    return picture.source if picture else ""


@pytest.fixture
def pictures(owner: User) -> dict[str, ContactPicture]:
    contact = make_contact(owner)
    return {source: make_picture(contact, source=source) for source in ("google", "vcard", "upload")}


def test_one_picture_at_a_time_is_pinned(pictures: dict[str, ContactPicture]) -> None:
    contact = pictures["google"].contact
    pin(pictures["google"])
    assert shown(contact) == "google"
    pin(pictures["vcard"])
    assert shown(contact) == "vcard"
    assert list(ContactPicture.objects.filter(pinned=True)) == [pictures["vcard"]]
    unpin(pictures["vcard"])
    assert shown(contact) == "upload"


def test_a_blocked_picture_is_neither_shown_nor_asked_for(pictures: dict[str, ContactPicture]) -> None:
    upload = pictures["upload"]
    PhotoJob.objects.filter(pk=upload.photo_job_id).update(state="pending", finished_at=None)
    pin(upload)
    block(upload)
    assert shown(upload.contact) == "vcard"
    job = PhotoJob.objects.get(pk=upload.photo_job_id)
    assert (job.state, bool(job.file)) == ("cancelled", True)
    unblock(upload)
    assert shown(upload.contact) == "upload"
    job.refresh_from_db()
    assert job.state == "pending"


def test_pinning_a_blocked_picture_shows_it(pictures: dict[str, ContactPicture]) -> None:
    block(pictures["google"])
    pin(pictures["google"])
    assert shown(pictures["google"].contact) == "google"


def test_a_look_that_finds_nothing_new_does_not_make_a_picture_newer(owner: User) -> None:
    contact = make_contact(owner)
    old, new = (make_picture(contact, source=source) for source in ("google", "vcard"))
    for picture, stored, finished in ((old, 1, 9), (new, 2, 3)):
        days = {
            "stored_at": datetime(2026, 1, stored, tzinfo=UTC),
            "finished_at": datetime(2026, 1, finished, tzinfo=UTC),
        }
        PhotoJob.objects.filter(pk=picture.photo_job_id).update(**days)
    assert shown(contact) == "vcard"
