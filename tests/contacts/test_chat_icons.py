"""Which picture stands for a chat, why, and what browsers may keep of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from contacts.chats.counting import tally
from contacts.chats.picturing import Icon, choose_icon
from contacts.identifiers import uuid7
from contacts.models import Chat, ChatPictureCount, Contact
from media_store.models import PhotoJob, StoredFile
from tests.factories import make_contact, make_photo_job, make_picture, make_user

pytestmark = pytest.mark.django_db

ADDRESS = "mxc://beeper.local/abc"


def make_chat(owner: User, *, is_cached: bool = False, contact: Contact | None = None, **fields: Any) -> Chat:
    """Make a chat on WhatsApp; a cached picture was stored three days ago."""
    job = None
    if is_cached:
        ago = timezone.now() - timedelta(days=3)
        job = make_photo_job(owner, is_stored=True, source_kind="beeper", source_url=ADDRESS, stored_at=ago)
    values = {"network": "WhatsApp", "kind": "single", "title": "Ada Example", "picture_url": ADDRESS, **fields}
    return Chat.objects.create(
        owner=owner, account_key=uuid7(), external_id=str(uuid7()), contact=contact, photo_job=job, **values
    )


def icon_of(chat: Chat) -> Icon:
    pictures = chat.contact.pictures.select_related("photo_job") if chat.contact else []
    return choose_icon(chat, pictures, now=timezone.now())


def test_its_own_picture_comes_first_then_the_contacts_then_initials(owner: User) -> None:
    contact = make_contact(owner, "Grace Example")
    picture = make_picture(contact)
    own = icon_of(make_chat(owner, is_cached=True, contact=contact))
    assert (own.source, own.reason) == ("chat", "from WhatsApp, 3\xa0days ago")
    theirs = icon_of(make_chat(owner, contact=contact))
    assert theirs.job == picture.photo_job
    assert theirs.reason == "the picture of Grace Example: newest picture, from Google"
    none = icon_of(make_chat(owner, picture_url=""))
    assert (none.job, none.reason) == (None, "initials, as WhatsApp gives no picture")


@pytest.mark.parametrize(
    ("shown", "source", "reason"),
    [
        ("contact", "contact", "pinned, the picture of Grace Example: newest picture, from Google"),
        ("chat", "chat", "pinned, from WhatsApp, 3\xa0days ago"),
        ("initials", "initials", "initials, as somebody has chosen"),
    ],
)
def test_a_person_may_pin_any_of_them(owner: User, shown: str, source: str, reason: str) -> None:
    contact = make_contact(owner, "Grace Example")
    make_picture(contact)
    icon = icon_of(make_chat(owner, is_cached=True, contact=contact, shown=shown))
    assert (icon.source, icon.reason) == (source, reason)


def test_a_blocked_source_does_not_count(owner: User) -> None:
    contact = make_contact(owner, "Grace Example")
    make_picture(contact)
    chat = make_chat(owner, is_cached=True, contact=contact, is_picture_blocked=True)
    assert icon_of(chat).source == "contact"
    chat.is_contact_picture_blocked = True
    assert icon_of(chat).reason == "initials, as the picture from WhatsApp is blocked"


@pytest.mark.parametrize(
    ("state", "verdict", "reason"),
    [
        ("pending", "", "is still to be fetched"),
        ("failed", "not_an_image", "could not be fetched: Not a picture"),
        ("cancelled", "", "was cancelled"),
        ("completed", "ok", "was let go and is fetched again when somebody looks"),
    ],
)
def test_initials_say_why_there_is_no_picture(owner: User, state: str, verdict: str, reason: str) -> None:
    chat = make_chat(owner)
    chat.photo_job = make_photo_job(owner, state=state, verdict=verdict, source_url=ADDRESS)
    assert reason in icon_of(chat).reason


def test_the_address_answers_with_the_stored_picture_for_ever_by_its_version(owner: User, client: Client) -> None:
    chat = make_chat(owner, is_cached=True)
    client.force_login(owner)
    url = reverse("chat-icon", args=[chat.pk])
    plain = client.get(url)
    assert plain["Content-Type"] == "image/webp"
    assert plain["Cache-Control"] == "private, no-cache"
    assert plain["X-Picture-Reason"].startswith("from WhatsApp, 3")
    assert chat.photo_job
    version = client.get(url, {"v": chat.photo_job.sha256[:16]})
    assert version["Cache-Control"] == "private, max-age=31536000, immutable"
    assert client.get(url, {"v": "0" * 16})["Cache-Control"] == "private, no-cache"
    again = client.get(url, headers={"If-None-Match": plain["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = client.head(url)
    assert (head.status_code, head.content, head["Content-Length"]) == (200, b"", plain["Content-Length"])


def test_initials_are_the_same_accessible_drawing_each_time(owner: User, client: Client) -> None:
    chat = make_chat(owner, picture_url="", title="Ada <b>Example")
    client.force_login(owner)
    url = reverse("chat-icon", args=[chat.pk])
    first, second = client.get(url), client.get(url)
    assert first.content == second.content
    assert first["Content-Type"] == "image/svg+xml"
    assert b'role="img" aria-label="Ada &lt;b&gt;Example"' in first.content
    assert client.get(url, headers={"If-None-Match": first["ETag"]}).status_code == 304
    assert client.head(url).status_code == 200


def test_nobody_elses_chat_has_a_picture_here(owner: User, client: Client) -> None:
    chat = make_chat(owner, is_cached=True)
    url = reverse("chat-icon", args=[chat.pk])
    assert client.get(url).status_code == 302
    client.force_login(make_user("mallory"))
    assert client.get(url).status_code == 404
    assert client.post(url).status_code == 405


def test_lost_bytes_are_fetched_again_once_and_initials_stand_in(owner: User, client: Client) -> None:
    chat = make_chat(owner, is_cached=True)
    assert chat.photo_job
    StoredFile.objects.filter(name=chat.photo_job.file.name).delete()
    client.force_login(owner)
    for _ in range(3):
        assert client.get(reverse("chat-icon", args=[chat.pk]))["Content-Type"] == "image/svg+xml"
    assert PhotoJob.objects.get(pk=chat.photo_job.pk).state == "pending"
    tally.flush()
    counts = ChatPictureCount.objects.get()
    assert (counts.network, counts.hits, counts.misses, counts.refetches) == ("WhatsApp", 0, 3, 1)


def test_hits_are_counted_in_memory_and_written_together(
    owner: User, client: Client, django_assert_num_queries: Any
) -> None:
    tally.reset()
    chat = make_chat(owner, is_cached=True)
    client.force_login(owner)
    url = reverse("chat-icon", args=[chat.pk])
    tag = client.get(url)["ETag"]
    for _ in range(4):
        client.get(url, headers={"If-None-Match": tag})
    assert not ChatPictureCount.objects.exists()
    with django_assert_num_queries(1):
        assert tally.flush() == 1
    assert ChatPictureCount.objects.get().hits == 5
    client.get(url)
    tally.flush()
    assert ChatPictureCount.objects.get().hits == 6


def test_a_look_at_a_cached_picture_costs_few_queries(
    owner: User, client: Client, django_assert_max_num_queries: Any
) -> None:
    chat = make_chat(owner, is_cached=True)
    client.force_login(owner)
    url = reverse("chat-icon", args=[chat.pk])
    client.get(url)
    # Session, user, their time zone, the chat with its job, and the bytes.
    with django_assert_max_num_queries(5):
        client.get(url)
