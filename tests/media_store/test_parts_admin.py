"""Parts and films in the admin: shared by all who may look, and the same sentences as in the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from media_store import gallery
from media_store.models import Part, PartImage, StoredFile, SupportVideo
from tests.factories import make_user
from tests.media_store.asking import allow, picture, signed_in
from tests.media_store.films import mp4

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.media_store.shared_admin_urls")]

PART, VIDEO = "/admin/media_store/part", "/admin/media_store/supportvideo"


@pytest.fixture
def client() -> Client:
    return signed_in(make_user("root", is_superuser=True))


def form_of(part: Part | None, **fields: Any) -> dict[str, Any]:
    initial = part.images.count() if part else 0
    data: dict[str, Any] = {"number": "A-1", "name": "Pump", "description": ""}
    for prefix, total in (("images", initial + 1), ("videos", 0)):
        data |= {f"{prefix}-TOTAL_FORMS": total, f"{prefix}-INITIAL_FORMS": min(initial, total)}
    for number, image in enumerate(part.images.order_by("position") if part else []):
        data |= {f"images-{number}-id": image.pk, f"images-{number}-part": image.part_id}
    return {**data, **fields}


def test_a_part_is_made_with_its_first_picture(client: Client) -> None:
    response = client.post(f"{PART}/add/", form_of(None, **{"images-0-image": picture()}))
    assert response.status_code == 302, response.content
    image = PartImage.objects.get()
    assert (image.part.number, image.position) == ("A-1", 0)
    page = client.get(f"{PART}/{image.part_id}/change/")
    assert image.image.url.replace("&", "&amp;") in page.content.decode()


def test_pictures_are_added_at_the_end_and_deleted_without_a_gap(client: Client) -> None:
    part = Part.objects.create(number="A-1")
    ids = [gallery.insert_image(part.pk, picture(number)).pk for number in range(3)]
    data = form_of(part, **{"images-0-DELETE": "on", "images-3-image": picture(9)})
    response = client.post(f"{PART}/{part.pk}/change/", data)
    assert response.status_code == 302, response.content
    left = list(part.images.order_by("position").values_list("position", "pk"))
    assert [position for position, _ in left] == [0, 1, 2]
    assert [pk for _, pk in left][:2] == ids[1:]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"<svg/>", "This is not a complete JPEG, PNG, WebP, GIF or AVIF."),
        (bytes(6_000_000), "The file is larger than 5,242,880 bytes."),
    ],
)
def test_what_is_no_picture_is_an_error_beside_its_field(content: bytes, sentence: str, client: Client) -> None:
    response = client.post(f"{PART}/add/", form_of(None, **{"images-0-image": SimpleUploadedFile("a.png", content)}))
    assert response.status_code in (413, 415)
    assert sentence in response.content.decode()
    assert not Part.objects.exists()
    assert not StoredFile.objects.exists()


def test_a_film_tells_its_length_and_anything_else_is_an_error(client: Client) -> None:
    refused = client.post(f"{VIDEO}/add/", {"title": "x", "file": SimpleUploadedFile("a.mp4", b"<html>")})
    assert refused.status_code == 415
    assert "This is not an MP4 or WebM video." in refused.content.decode()
    taken = client.post(f"{VIDEO}/add/", {"title": "x", "file": SimpleUploadedFile("a.mp4", mp4())})
    assert taken.status_code == 302, taken.content
    assert SupportVideo.objects.get().duration == timedelta(seconds=12.345)
    assert client.get(f"{VIDEO}/").status_code == 200


def test_all_who_may_look_see_the_same_and_nobody_else_anything(owner: User) -> None:
    part = Part.objects.create(number="A-1")
    pages = (f"{PART}/", f"{PART}/{part.pk}/change/")
    assert {signed_in(owner).get(page).status_code for page in pages} == {403}
    viewer = signed_in(allow(owner, "view_part"))
    assert all("A-1" in viewer.get(page).content.decode() for page in pages)
    assert viewer.post(pages[1], form_of(part)).status_code == 403
