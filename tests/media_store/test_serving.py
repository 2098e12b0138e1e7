"""What browsers get for a picture's address, and how long they may keep it."""

from __future__ import annotations

import hashlib

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.http import HttpResponse
from django.test import RequestFactory

from media_store.models import StoredFile
from media_store.serving import picture_response, picture_url
from tests.factories import draw_image

pytestmark = pytest.mark.django_db

PICTURE = draw_image("WEBP", size=(40, 40))
SHA256 = hashlib.sha256(PICTURE).hexdigest()
ETAG = f'"{SHA256}"'
FOR_EVER, REVALIDATE = "private, max-age=31536000, immutable", "private, no-cache"


@pytest.fixture
def name() -> str:
    return default_storage.save("o1/photos/a.webp", ContentFile(PICTURE))


def ask(name: str, query: str = "", *, method: str = "GET", **headers: str) -> HttpResponse:
    request = RequestFactory().generic(method, f"/images/1{query}", headers=headers)
    return picture_response(request, name=name, sha256=SHA256)


@pytest.mark.parametrize(
    ("query", "cache_control"),
    [
        ("", REVALIDATE),
        (f"?v={SHA256[:16]}", FOR_EVER),
        (f"?v={SHA256[:15]}", REVALIDATE),
        (f"?v={SHA256}", REVALIDATE),
        ("?v=0123456789abcdef", REVALIDATE),
        ("?v=", REVALIDATE),
    ],
)
def test_only_the_current_version_may_be_kept(query: str, cache_control: str, name: str) -> None:
    response = ask(name, query)
    assert (response.status_code, response.content) == (200, PICTURE)
    assert (response["Cache-Control"], response["ETag"]) == (cache_control, ETAG)
    not_modified = ask(name, query, if_none_match=ETAG)
    assert (not_modified.status_code, not_modified.content) == (304, b"")
    assert (not_modified["Cache-Control"], not_modified["ETag"]) == (cache_control, ETAG)


@pytest.mark.parametrize("tags", [ETAG, f"W/{ETAG}", f'"other", {ETAG}', f'W/"other", W/{ETAG}', "*"])
def test_whoever_holds_the_picture_is_not_sent_it_again_and_nothing_is_read(
    tags: str, name: str, django_assert_num_queries: object
) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert ask(name, if_none_match=tags).status_code == 304


@pytest.mark.parametrize("tags", ['"other"', SHA256, 'W/"other"', ""])
def test_whoever_holds_another_picture_is_sent_this_one(tags: str, name: str) -> None:
    assert ask(name, if_none_match=tags).content == PICTURE


def test_the_answer_can_do_nothing_but_be_shown(name: str) -> None:
    response = ask(name)
    assert response["Content-Type"] == "image/webp"
    assert response["Content-Disposition"] == "inline"
    for answer in (response, ask(name, if_none_match=ETAG)):
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin"


def test_head_says_the_same_without_the_bytes(name: str) -> None:
    head, get = ask(name, method="HEAD"), ask(name)
    assert head.content == b""
    assert dict(head.items()) == dict(get.items())
    assert head["Content-Length"] == str(len(PICTURE))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_missing_bytes_are_not_found_and_that_is_not_kept(method: str, name: str) -> None:
    StoredFile.objects.filter(name=name).mark_deleted()
    for missing in (name, "o1/never.webp"):
        response = ask(missing, method=method)
        assert (response.status_code, response["Cache-Control"]) == (404, "no-store")


def test_an_address_carries_the_version() -> None:
    assert picture_url("/images/1", SHA256) == f"/images/1?v={SHA256[:16]}"
    assert picture_url("/images/1", "") == "/images/1"
