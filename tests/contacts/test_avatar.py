from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from contacts.models import Contact
from media_store.models import StoredFile
from tests.factories import make_contact, make_picture, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return make_user("alice")


@pytest.fixture
def contact(owner: User) -> Contact:
    return make_contact(owner, "Mara Lindholm")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def address(contact: Contact) -> str:
    return f"/images/contacts/{contact.pk}/avatar"


def test_without_a_picture_it_answers_initials_that_may_be_asked_for_again(owner: User, contact: Contact) -> None:
    response = signed_in(owner).get(address(contact))
    assert response.status_code == 200
    assert response["Content-Type"] == "image/svg+xml"
    assert response["Cache-Control"] == "private, no-cache"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert ">ML</text>" in response.content.decode()
    again = signed_in(owner).get(address(contact), headers={"If-None-Match": response["ETag"]})
    assert again.status_code == 304
    assert again.content == b""


def test_with_a_picture_it_answers_the_stored_webp(owner: User, contact: Contact) -> None:
    picture = make_picture(contact)
    response = signed_in(owner).get(address(contact))
    assert response.status_code == 200
    assert response["Content-Type"] == "image/webp"
    with picture.photo_job.file.open() as file:
        assert b"".join(response) == file.read()


def test_the_current_version_may_be_kept_for_a_year(owner: User, contact: Contact) -> None:
    version = make_picture(contact).photo_job.sha256[:16]
    response = signed_in(owner).get(address(contact), {"v": version})
    assert response["Cache-Control"] == "private, max-age=31536000, immutable"


def test_a_foreign_and_an_unknown_contact_are_the_same_404(contact: Contact) -> None:
    stranger = signed_in(make_user("bob"))
    make_picture(contact)
    assert stranger.get(address(contact)).status_code == 404
    assert stranger.get(f"/images/contacts/{uuid4()}/avatar").status_code == 404


def test_who_is_not_signed_in_is_sent_to_the_login(contact: Contact) -> None:
    response = Client().get(address(contact))
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")


def test_a_superuser_sees_every_picture(contact: Contact) -> None:
    assert signed_in(make_user("root", is_superuser=True)).get(address(contact)).status_code == 200


def test_lost_bytes_are_asked_for_again_and_answered_with_initials_meanwhile(owner: User, contact: Contact) -> None:
    picture = make_picture(contact)
    StoredFile.objects.filter(name=picture.photo_job.file.name).delete()
    response = signed_in(owner).get(address(contact))
    assert (response.status_code, response["Content-Type"]) == (200, "image/svg+xml")
    picture.photo_job.refresh_from_db()
    assert picture.photo_job.state == "pending"


def test_post_is_refused(owner: User, contact: Contact) -> None:
    assert signed_in(owner).post(address(contact)).status_code == 405
