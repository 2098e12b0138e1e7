from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pytest_django import DjangoAssertNumQueries

from contacts.models import Contact, ContactPicture
from contacts.pictures import choose, image_url, with_pictures
from tests.factories import make_contact, make_picture, make_user

pytestmark = pytest.mark.django_db

OLD, NEW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def contact() -> Contact:
    return make_contact(make_user("alice"))


def chosen(contact: Contact) -> tuple[ContactPicture | None, str]:
    choice = choose(with_pictures(Contact.objects.all()).get(pk=contact.pk).pictures.all())
    return choice.picture, choice.reason


def test_a_contact_without_pictures_gets_initials(contact: Contact) -> None:
    assert chosen(contact) == (None, "initials, as no picture is stored")


def test_the_newest_picture_of_a_source_wins(contact: Contact) -> None:
    newest = make_picture(contact, source="google", job_finished_at=NEW)
    make_picture(contact, source="vcard", job_finished_at=OLD)
    assert chosen(contact) == (newest, "newest picture, from Google")


def test_an_upload_beats_newer_pictures(contact: Contact) -> None:
    upload = make_picture(contact, source="upload", job_finished_at=OLD)
    make_picture(contact, source="google", job_finished_at=NEW)
    assert chosen(contact) == (upload, "uploaded by hand")


def test_a_pinned_picture_beats_an_upload(contact: Contact) -> None:
    make_picture(contact, source="upload", job_finished_at=NEW)
    pinned = make_picture(contact, source="vcard", pinned=True, job_finished_at=OLD)
    assert chosen(contact) == (pinned, "pinned, from vCard")


def test_a_blocked_picture_is_not_shown_even_when_pinned(contact: Contact) -> None:
    make_picture(contact, source="vcard", pinned=True, blocked=True)
    assert chosen(contact)[0] is None


def test_a_picture_that_is_not_stored_yet_does_not_count(contact: Contact) -> None:
    make_picture(contact, source="upload", is_stored=False)
    assert chosen(contact)[0] is None


def test_the_address_carries_the_version_of_the_chosen_picture(contact: Contact) -> None:
    picture = make_picture(contact)
    url = image_url(with_pictures(Contact.objects.all()).get(pk=contact.pk))
    assert url == f"/images/contacts/{contact.pk}/avatar?v={picture.photo_job.sha256[:16]}"


def test_a_page_of_contacts_costs_two_queries_whatever_their_number(
    contact: Contact, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        make_picture(make_contact(contact.owner, f"Contact {number}"))
    with django_assert_num_queries(2):
        assert sum(bool(image_url(each)) for each in with_pictures(Contact.objects.all())) == 5
