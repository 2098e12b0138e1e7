"""The gallery of a part: its order, its addresses, and who may look at it or change it."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import close_old_connections
from django.test import Client

from media_store import gallery
from media_store.models import Part, PartImage, StoredFile
from media_store.refusals import UploadRefused
from tests.factories import draw_image, make_user
from tests.media_store.asking import allow, picture, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def part(db: None) -> Part:
    return Part.objects.create(number="A-1", name="Pump")


@pytest.fixture
def client() -> Client:
    return signed_in(make_user("root", is_superuser=True))


def file(number: int = 0) -> ContentFile:  # type: ignore[type-arg]
    return ContentFile(draw_image(size=(100 + number, 80)), name="a.jpg")


def fill(part: Part, count: int) -> list[int]:
    return [gallery.insert_image(part.pk, file(number)).pk for number in range(count)]


def order(part: Part) -> list[int]:
    """Return the ids in their order, and check that the positions run from 0 without gaps."""
    found = list(part.images.order_by("position").values_list("position", "pk"))
    assert [position for position, _ in found] == list(range(len(found)))
    return [pk for _, pk in found]


def test_pictures_are_appended_and_inserted(part: Part) -> None:
    first, second = fill(part, 2)
    between = gallery.insert_image(part.pk, file(2), position=1).pk
    front = gallery.insert_image(part.pk, file(3), position=0).pk
    last = gallery.insert_image(part.pk, file(4), position=99).pk
    assert order(part) == [front, first, between, second, last]


@pytest.mark.parametrize(("position", "to"), [(0, 3), (3, 0), (1, 2), (2, 2), (0, 99)])
def test_a_picture_moves_and_the_others_close_up(position: int, to: int, part: Part) -> None:
    expected = fill(part, 4)
    gallery.move_image(part.pk, position=position, to=to)
    expected.insert(min(to, 3), expected.pop(position))
    assert order(part) == expected


def test_a_deleted_picture_leaves_no_gap_and_no_file(part: Part) -> None:
    one, _, three = fill(part, 3)
    gallery.delete_image(part.pk, position=1)
    assert order(part) == [one, three]
    PartImage.objects.get(pk=one).delete()
    assert order(part) == [three]
    assert StoredFile.objects.live().count() == 1
    part.delete()
    assert not StoredFile.objects.live().exists()


def test_a_gallery_has_an_end(part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "MAX_IMAGES", 2)
    fill(part, 2)
    with pytest.raises(UploadRefused) as refused:
        gallery.insert_image(part.pk, file())
    assert (refused.value.code, refused.value.status) == ("gallery_full", 409)
    assert len(order(part)) == 2


@pytest.mark.django_db(transaction=True)
def test_many_at_once_keep_the_positions_in_order() -> None:
    part = Part.objects.create(number="A-1")
    problems: list[BaseException] = []

    def change(number: int) -> None:
        try:
            gallery.insert_image(part.pk, file(number), position=0)
            gallery.insert_image(part.pk, file(number + 10))
            gallery.delete_image(part.pk, position=0)
        except BaseException as problem:  # noqa: BLE001 (handed to the test)
            problems.append(problem)
        finally:
            close_old_connections()
            from django.db import connection

            connection.close()

    threads = [threading.Thread(target=change, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(order(part)) == 4


def content_of(pk: int) -> bytes:
    with PartImage.objects.get(pk=pk).image.open() as found:
        return bytes(found.read())


def test_the_picture_is_found_by_its_index(part: Part, client: Client) -> None:
    ids = fill(part, 3)
    for query, pk in (("", ids[0]), ("?index=0", ids[0]), ("?index=2", ids[2])):
        response = client.get(f"/images/parts/{part.pk}{query}")
        assert (response.status_code, response.content) == (200, content_of(pk))
        assert response["Content-Type"] == "image/webp"
        assert response["Content-Disposition"] == "inline"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert response["Cross-Origin-Resource-Policy"] == "same-origin"
    assert client.get(f"/images/parts/{part.pk}/count").json() == {"count": 3}


@pytest.mark.parametrize("index", ["3", "-1", "x", "", "1.0", "9" * 30, "\u0661"])
def test_there_is_nothing_at_another_index(index: str, part: Part, client: Client) -> None:
    fill(part, 2)
    response = client.get(f"/images/parts/{part.pk}", {"index": index})
    assert (response.status_code, response["Cache-Control"]) == (404, "no-store")
    assert client.get("/images/parts/0").status_code == 404
    assert client.get("/images/parts/0/count").status_code == 404


def test_only_the_current_version_at_an_index_may_be_kept(part: Part, client: Client) -> None:
    fill(part, 2)
    url = part.images.get(position=0).image.url
    version = hashlib.sha256(content_of(part.images.get(position=0).pk)).hexdigest()[:16]
    assert url == f"/images/parts/{part.pk}?index=0&v={version}"
    current = client.get(url)
    assert current["Cache-Control"] == "private, max-age=31536000, immutable"
    again = client.get(url, headers={"If-None-Match": current["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    gallery.move_image(part.pk, position=0, to=1)
    moved = client.get(url, headers={"If-None-Match": current["ETag"]})
    assert (moved.status_code, moved["Cache-Control"]) == (200, "private, no-cache")
    assert moved["ETag"] != current["ETag"]


def test_the_addresses_add_insert_replace_move_and_delete(part: Part, client: Client) -> None:
    base = f"/uploads/parts/{part.pk}/images"
    added = client.post(base, {"file": picture(1)})
    assert (added.status_code, added.json()["index"], added.json()["count"]) == (201, 0, 1)
    assert client.get(added.json()["url"]).status_code == 200
    client.post(base, {"file": picture(2)})
    client.post(base, {"file": picture(3), "position": "0"})
    first, second, third = order(part)
    before = content_of(second)
    replaced = client.post(f"{base}/1", {"file": picture(4)})
    assert (replaced.status_code, replaced.json()["index"], replaced.json()["count"]) == (200, 1, 3)
    assert content_of(second) != before
    moved = client.post(f"{base}/2", {"position": "0"})
    assert (moved.status_code, moved.json()) == (200, {"count": 3})
    assert order(part) == [third, first, second]
    assert client.delete(f"{base}/0").status_code == 204
    assert order(part) == [first, second]


def test_what_is_not_there_cannot_be_changed(part: Part, client: Client) -> None:
    fill(part, 1)
    base = f"/uploads/parts/{part.pk}/images"
    expected: list[tuple[Any, int, str]] = [
        (client.delete(f"{base}/1"), 404, "not_found"),
        (client.delete(base), 405, "no_index"),
        (client.delete("/uploads/parts/0/images/0"), 404, "not_found"),
        (client.post("/uploads/parts/0/images", {"file": picture()}), 404, "not_found"),
        (client.post(f"{base}/1", {"file": picture()}), 404, "not_found"),
        (client.post(f"{base}/{'9' * 25}", {"file": picture()}), 404, "not_found"),
        (client.post(f"{base}/5", {"position": "0"}), 404, "not_found"),
        (client.post(f"{base}/0", {}), 400, "no_file"),
        (client.post(base, {"file": picture(), "position": "-1"}), 400, "bad_position"),
    ]
    for response, status, code in expected:
        assert (response.status_code, response.json()["code"]) == (status, code)
    assert len(order(part)) == 1


def test_looking_and_changing_need_their_permissions(part: Part, owner: User) -> None:
    fill(part, 1)
    addresses = (f"/images/parts/{part.pk}", f"/images/parts/{part.pk}/count")
    upload = f"/uploads/parts/{part.pk}/images"
    assert {signed_in(owner).get(address).status_code for address in addresses} == {403}
    viewer = signed_in(allow(owner, "view_part"))
    assert {viewer.get(address).status_code for address in addresses} == {200}
    assert viewer.post(upload, {"file": picture()}).status_code == 403
    assert viewer.delete(f"{upload}/0").status_code == 403
    editor = signed_in(allow(owner, "change_part"))
    assert editor.post(upload, {"file": picture()}).status_code == 201
    for address in addresses:
        assert Client().get(address).status_code == 302
        assert signed_in(User.objects.create_user(f"guest{len(address)}")).get(address).status_code == 302
