"""Every address that takes uploads: who may, how much, and what is said of what is not taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.test import Client

from contacts.models import Organization
from media_store import uploads
from media_store.models import Part, StoredFile
from tests.factories import make_contact, make_user
from tests.media_store.asking import picture, signed_in
from tests.media_store.films import mp4
from tests.media_store.test_fields import HOSTILE

pytestmark = pytest.mark.django_db

MOST = 40_000


@dataclass(frozen=True)
class Address:
    """An address that takes one picture; `make(owner)` makes what it is about and returns it."""

    make: Callable[[User], str]
    is_foreign_hidden: bool = True


def avatar(owner: User) -> str:
    return f"/api/v1/contacts/{make_contact(owner).pk}/avatar"


def logo(owner: User) -> str:
    return f"/uploads/organizations/{Organization.objects.create(owner=owner, name='Example').pk}/logo"


def gallery(owner: User) -> str:
    return f"/uploads/parts/{Part.objects.create(number='A-1').pk}/images"


ADDRESSES = {
    "avatar": Address(avatar),
    "logo": Address(logo),
    "profile": Address(lambda owner: "/uploads/users/profile-photo", is_foreign_hidden=False),
    "gallery": Address(gallery, is_foreign_hidden=False),
    "video": Address(lambda owner: "/uploads/videos", is_foreign_hidden=False),
}
PICTURES = [name for name in ADDRESSES if name != "video"]


@pytest.fixture
def root(db: None) -> User:
    return make_user("root", is_superuser=True)


def good_file(name: str) -> SimpleUploadedFile:
    return SimpleUploadedFile("a.mp4", mp4()) if name == "video" else picture()


def was_read(response: Any) -> bool:
    """Say whether the server has begun to read the body."""
    return bool(response.wsgi_request._read_started)


def fault(response: Any) -> tuple[int, str]:
    """Return status and code of an answer that is one plain sentence, and check that it is."""
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"
    answer = response.json()
    assert set(answer) == {"error", "code"}
    assert answer["error"].endswith(".")
    assert "\n" not in answer["error"]
    assert "Traceback" not in answer["error"]
    return response.status_code, answer["code"]


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_good_file_is_taken(name: str, root: User) -> None:
    response = signed_in(root).post(ADDRESSES[name].make(root), {"file": good_file(name)})
    assert response.status_code == 201, response.content
    assert response.json()["url"].startswith("/")
    assert StoredFile.objects.live().exists()


@pytest.mark.parametrize("name", ADDRESSES)
def test_strangers_and_those_without_rights_are_turned_away_before_the_body_is_read(
    name: str, root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = ADDRESSES[name].make(root)
    monkeypatch.setattr(uploads, "csrf_protect", None)
    outsider = make_user("outsider", is_staff=False)
    for client, expected in ((Client(), (401, "not_signed_in")), (signed_in(outsider), (403, "forbidden"))):
        for send in (client.post, client.delete):
            response = send(url, {"file": good_file(name)} if send == client.post else None)
            assert fault(response) == expected
            assert not was_read(response)
    assert not StoredFile.objects.exists()


@pytest.mark.parametrize("name", ["gallery", "video"])
def test_what_is_shared_needs_a_permission(name: str, owner: User) -> None:
    response = signed_in(owner).post(ADDRESSES[name].make(owner), {"file": good_file(name)})
    assert fault(response) == (403, "forbidden")
    assert not StoredFile.objects.exists()


@pytest.mark.parametrize("name", [name for name, address in ADDRESSES.items() if address.is_foreign_hidden])
def test_foreign_and_missing_rows_are_the_same_404(name: str, owner: User, other_owner: User) -> None:
    url = ADDRESSES[name].make(owner)
    missing = url.replace(url.split("/")[-2], "0" if name == "logo" else "00000000-0000-4000-8000-000000000000")
    client = signed_in(other_owner)
    for address in (url, missing):
        for response in (client.post(address, {"file": picture()}), client.delete(address)):
            assert fault(response) == (404, "not_found")
    assert not StoredFile.objects.exists()


@pytest.mark.parametrize("name", ADDRESSES)
def test_without_the_csrf_token_nothing_happens(name: str, root: User) -> None:
    client = signed_in(root, is_strict=True)
    url = ADDRESSES[name].make(root)
    assert fault(client.post(url, {"file": good_file(name)})) == (403, "csrf_failed")
    assert fault(client.delete(url)) == (403, "csrf_failed")
    assert not StoredFile.objects.exists()
    client.cookies["csrftoken"] = token = "a" * 32
    assert client.post(url, {"file": good_file(name)}, headers={"X-CSRFToken": token}).status_code == 201
    in_form = {"file": good_file(name), "csrfmiddlewaretoken": token}
    assert client.post(url, in_form).status_code == 201


@pytest.mark.parametrize("name", ADDRESSES)
def test_other_methods_are_named(name: str, root: User) -> None:
    client = signed_in(root)
    for send in (client.get, client.put, client.patch, client.options):
        response = send(ADDRESSES["profile"].make(root) if name == "profile" else ADDRESSES[name].make(make_user()))
        assert fault(response) == (405, "method_not_allowed")
        assert response["Allow"] == "POST, DELETE"
        Part.objects.all().delete()


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("name", PICTURES)
def test_what_is_no_picture_is_refused_and_leaves_nothing(name: str, hostile: str, root: User) -> None:
    content, code, message = HOSTILE[hostile]
    response = signed_in(root).post(ADDRESSES[name].make(root), {"file": SimpleUploadedFile("a.png", content)})
    assert fault(response) == (413 if code == "too_large" else 415, code)
    assert message in response.json()["error"]
    assert not StoredFile.objects.exists()


@pytest.mark.parametrize("name", PICTURES)
def test_too_many_bytes_are_refused_wherever_they_are_noticed(name: str, root: User, settings: Any) -> None:
    settings.PHOTO_MAX_BYTES = MOST
    client = signed_in(root)
    url = ADDRESSES[name].make(root)
    announced = client.post(url, {"file": SimpleUploadedFile("a.jpg", bytes(MOST + uploads.FORM_BYTES))})
    assert not was_read(announced)
    streamed = client.post(url, {"file": SimpleUploadedFile("a.jpg", bytes(MOST + 1))})
    for response in (announced, streamed):
        assert fault(response) == (413, "too_large")
        assert f"{MOST:,}" in response.json()["error"]
    assert not StoredFile.objects.exists()


@pytest.mark.parametrize("name", PICTURES)
def test_a_form_without_exactly_one_file_is_refused(name: str, root: User) -> None:
    client = signed_in(root)
    url = ADDRESSES[name].make(root)
    two = {"file": [picture(1), picture(2)]}
    for data in ({}, {"file": "a text"}, two, {"a": picture(1), "b": picture(2)}):
        assert fault(client.post(url, data)) == (400, "no_file")
    assert fault(client.post(url, b"\xff\xd8\xff", content_type="image/jpeg")) == (400, "no_file")
    assert not StoredFile.objects.exists()


@pytest.mark.parametrize("name", PICTURES)
def test_the_field_may_have_any_name(name: str, root: User) -> None:
    assert signed_in(root).post(ADDRESSES[name].make(root), {"avatar": picture()}).status_code == 201


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize(
    "body", [b"", b"--x", b"--x\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n" + bytes(200)]
)
def test_a_broken_body_is_one_plain_sentence(name: str, body: bytes, root: User) -> None:
    response = signed_in(root).post(
        ADDRESSES[name].make(root), body, content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=len(body)
    )
    assert 400 <= response.status_code < 500
    fault(response)
    without = signed_in(root).post("/uploads/users/profile-photo", body, content_type="multipart/form-data")
    assert 400 <= fault(without)[0] < 500


def test_more_files_than_allowed_are_a_plain_sentence(root: User) -> None:
    many = {f"f{number}": SimpleUploadedFile("a", b"x") for number in range(30)}
    assert fault(signed_in(root).post("/uploads/users/profile-photo", many)) == (400, "bad_request")


def test_a_video_is_judged_by_its_first_bytes_and_stopped_at_the_limit(
    root: User, settings: Any, tmp_path: Path
) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path
    settings.VIDEO_MAX_BYTES = 300_000
    client = signed_in(root)
    for content, expected in (
        (b"<html>" + bytes(200_000), (415, "not_a_video")),
        (bytes(picture().read()), (415, "not_a_video")),
        (mp4(padding=300_001), (413, "too_large")),
        (mp4(padding=9_000_000), (413, "too_large")),
    ):
        response = client.post("/uploads/videos", {"file": SimpleUploadedFile("film.mp4", content, "video/mp4")})
        assert fault(response) == expected
    assert not StoredFile.objects.exists()
    assert list(tmp_path.iterdir()) == []


def test_no_upload_is_held_in_memory(root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(
        "media_store.views.videos.SupportVideo.objects.create",
        lambda **fields: seen.append(type(fields["file"]).__name__),
    )
    with pytest.raises(AttributeError):
        signed_in(root).post("/uploads/videos", {"file": good_file("video")})
    assert seen == ["TemporaryUploadedFile"]


@pytest.mark.parametrize(("field", "limit"), [("file", 300_000), ("thumbnail", MOST)])
def test_no_more_than_the_limit_is_written_to_disk(field: str, limit: int, root: User, settings: Any) -> None:
    settings.VIDEO_MAX_BYTES, settings.PHOTO_MAX_BYTES = 300_000, MOST
    written: list[int] = []

    class Counting(TemporaryFileUploadHandler):
        def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
            written.append(len(raw_data))
            super().receive_data_chunk(raw_data, start)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uploads, "TemporaryFileUploadHandler", Counting)
        upload = SimpleUploadedFile("film.mp4", mp4(padding=limit + 80_000))
        response = signed_in(root).post("/uploads/videos", {field: upload})
    assert fault(response) == (413, "too_large")
    assert sum(written) <= limit
