"""Films: what is kept of an upload, who may watch it, and what each kind of answer says."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.forms import modelform_factory
from django.test import Client, override_settings
from django.utils.http import http_date
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from media_store.models import BLOB_LIMIT, Part, PartVideo, StoredFile, SupportVideo
from media_store.refusals import UploadRefused
from tests.factories import make_user
from tests.media_store.asking import allow, files, leave, picture, signed_in
from tests.media_store.films import mp4, webm

pytestmark = pytest.mark.django_db

SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
}
NOBODY = "00000000-0000-4000-8000-000000000000"
REVALIDATE, FOR_EVER = "private, no-cache", "private, max-age=31536000, immutable"


@pytest.fixture
def client() -> Client:
    return signed_in(make_user("root", is_superuser=True))


def film(content: bytes, name: str = "../../film.exe") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "text/html")


def make_video(content: bytes = b"") -> SupportVideo:
    return SupportVideo.objects.create(title="Film", file=ContentFile(content or mp4(), name="film.mp4"))


@pytest.mark.parametrize(
    ("content", "content_type", "suffix"), [(mp4(), "video/mp4", ".mp4"), (webm(), "video/webm", ".webm")]
)
def test_an_upload_is_known_by_its_content(content: bytes, content_type: str, suffix: str, client: Client) -> None:
    data = {"file": film(content), "title": "How to", "category": "Basics", "thumbnail": picture()}
    response = client.post("/uploads/videos", data)
    assert response.status_code == 201, response.content
    video = SupportVideo.objects.get()
    assert response.json() == {
        "id": str(video.pk),
        "url": video.file.url,
        "thumbnail_url": video.thumbnail.url,
        "content_type": content_type,
        "size": len(content),
        "duration_seconds": 12.345,
    }
    assert (video.title, video.category, video.duration) == ("How to", "Basics", timedelta(seconds=12.345))
    assert str(video.file.name).startswith("shared/videos/")
    assert str(video.file.name).endswith(suffix)
    watched = client.get(response.json()["url"])
    assert (b"".join(watched), watched["Content-Type"]) == (content, content_type)
    thumbnail = client.get(response.json()["thumbnail_url"])
    assert (thumbnail.status_code, thumbnail["Content-Type"]) == (200, "image/webp")
    assert thumbnail["Cache-Control"] == FOR_EVER


def test_a_large_upload_lies_in_the_files_tier(client: Client) -> None:
    content = mp4(padding=3_000_000)
    url = client.post("/uploads/videos", {"file": film(content)}).json()["url"]
    assert StoredFile.objects.get().blob is None
    assert b"".join(client.get(url)) == content


def test_a_film_of_a_part_belongs_to_it(client: Client) -> None:
    part = Part.objects.create(number="A-1")
    response = client.post("/uploads/videos", {"file": film(mp4()), "part": part.pk, "kind": "repair"})
    video = PartVideo.objects.get()
    assert (response.status_code, video.part, video.kind) == (201, part, "repair")
    assert client.get(response.json()["url"]).status_code == 200
    for missing in ("0", "x", "9" * 30):
        response = client.post("/uploads/videos", {"file": film(mp4()), "part": missing})
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    part.delete()
    assert not StoredFile.objects.live().exists()


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        ({}, 400, "no_file"),
        ({"video": film(mp4())}, 400, "no_file"),
        ({"file": film(mp4()), "title": "x" * 201}, 400, "invalid_request"),
        ({"file": film(mp4()), "thumbnail": film(b"no picture")}, 415, "not_an_image"),
        ({"file": film(mp4(brand=b"qt  "))}, 415, "not_a_video"),
        ({"file": film(webm(doctype=b"matroska"))}, 415, "not_a_video"),
    ],
)
def test_a_refused_form_leaves_nothing(data: dict[str, Any], status: int, code: str, client: Client) -> None:
    for value in data.values():
        if isinstance(value, SimpleUploadedFile):
            value.seek(0)
    response = client.post("/uploads/videos", data)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert not StoredFile.objects.exists()
    assert not SupportVideo.objects.exists()


def test_an_admin_form_says_the_same(settings: Any) -> None:
    settings.VIDEO_MAX_BYTES = 2_000
    form_class = modelform_factory(SupportVideo, fields=["title", "file", "thumbnail"])
    for content, code in ((b"<html>", "not_a_video"), (mp4(padding=2_000), "too_large")):
        form = form_class({"title": "x"}, files(file=film(content)))
        assert not form.is_valid()
        (error,) = form.errors.as_data()["file"]
        with pytest.raises(UploadRefused) as refused, transaction.atomic():
            make_video(content)
        assert (error.code, error.message) == (code, str(refused.value)) == (refused.value.code, str(refused.value))
    form = form_class({"title": "x"}, files(file=film(mp4())))
    assert form.is_valid(), form.errors
    assert form.save().duration == timedelta(seconds=12.345)


def test_a_deleted_or_replaced_film_leaves_no_file(client: Client) -> None:
    video = make_video()
    video.file = ContentFile(webm(), name="x")
    video.save()
    assert video.content_type == "video/webm"
    assert StoredFile.objects.live().get().name == video.file.name
    assert client.delete(f"/uploads/videos/{video.pk}").status_code == 204
    assert not StoredFile.objects.live().exists()
    for response in (client.delete(f"/uploads/videos/{video.pk}"), client.get(f"/videos/{video.pk}")):
        assert response.status_code == 404
    assert client.delete("/uploads/videos").status_code == 405
    assert client.post(f"/uploads/videos/{video.pk}", {"file": film(mp4())}).status_code == 405


def test_watching_adding_and_deleting_need_their_permissions(owner: User) -> None:
    video = make_video()
    for address in (f"/videos/{video.pk}", f"/images/videos/{video.pk}"):
        assert Client().get(address).status_code == 302
        assert signed_in(User.objects.create_user(address[:7])).get(address).status_code == 302
        assert signed_in(owner).get(address).status_code == 403
    viewer = signed_in(allow(owner, "view_supportvideo"))
    assert viewer.get(f"/videos/{video.pk}").status_code == 200
    assert viewer.get(f"/images/videos/{video.pk}").status_code == 404
    assert viewer.post("/uploads/videos", {"file": film(mp4())}).status_code == 403
    assert viewer.delete(f"/uploads/videos/{video.pk}").status_code == 403
    other = PartVideo.objects.create(part=Part.objects.create(number="1"), file=ContentFile(mp4(), name="x"))
    assert viewer.get(f"/videos/{other.pk}").status_code == 403
    editor = signed_in(allow(owner, "add_supportvideo", "delete_supportvideo"))
    assert editor.post("/uploads/videos", {"file": film(mp4())}).status_code == 201
    assert editor.delete(f"/uploads/videos/{video.pk}").status_code == 204
    assert editor.delete(f"/uploads/videos/{other.pk}").status_code == 403


def test_members_may_watch_and_look_and_no_more() -> None:
    from tests.admin.rows import make_member

    member = make_member("mara")
    rights = {right for right in member.get_all_permissions() if re.match(r"media_store\.\w+_(part|\w*video)", right)}
    assert rights == {f"media_store.view_{name}" for name in ("part", "partimage", "partvideo", "supportvideo")}


KINDS: list[tuple[str, dict[str, str], str, int]] = [
    ("whole", {}, "", 200),
    ("head", {}, "", 200),
    ("range", {"Range": "bytes=0-9"}, "", 206),
    ("beyond", {"Range": "bytes=999999999-"}, "", 416),
    ("held", {"If-None-Match": "*"}, "", 304),
    ("held by date", {"If-Modified-Since": http_date(4_000_000_000)}, "", 304),
    ("old date", {"If-Modified-Since": http_date(1_000_000_000)}, "", 200),
    ("tag before date", {"If-None-Match": '"x"', "If-Modified-Since": http_date(4_000_000_000)}, "", 200),
    ("version", {}, "current", 200),
    ("version of a range", {"Range": "bytes=0-9"}, "current", 206),
    ("old version", {}, "0123456789abcdef", 200),
]


@pytest.mark.parametrize(("kind", "headers", "version", "status"), KINDS, ids=[kind for kind, *_ in KINDS])
@pytest.mark.parametrize("size", [100, BLOB_LIMIT], ids=["database", "files"])
def test_every_answer_says_how_it_may_be_used(
    kind: str, headers: dict[str, str], version: str, status: int, size: int, client: Client
) -> None:
    video = make_video(mp4(padding=size))
    stored = StoredFile.objects.get()
    current = stored.sha256[:16]
    query = {"v": version.replace("current", current)} if version else {}
    ask = client.head if kind == "head" else client.get
    response: Any = ask(f"/videos/{video.pk}", query, headers=headers)
    leave(response)
    expected = {
        **SAFE,
        "ETag": f'"{stored.sha256}"',
        "Last-Modified": http_date(stored.created_at.timestamp()),
        "Accept-Ranges": "bytes",
        "Cache-Control": FOR_EVER if version == "current" else REVALIDATE,
        "Content-Type": "video/mp4",
        "Content-Disposition": f'inline; filename="{str(video.file.name).rpartition("/")[2]}"',
    }
    assert response.status_code == status
    assert {name: response.headers.get(name) for name in expected} == expected
    assert "Content-Encoding" not in response.headers


def test_a_browser_that_takes_gzip_gets_the_length_of_the_film_and_a_strong_tag(client: Client) -> None:
    content = mp4(padding=100_000)
    response = client.get(f"/videos/{make_video(content).pk}", headers={"Accept-Encoding": "gzip"})
    assert (response["Content-Length"], b"".join(response)) == (str(len(content)), content)
    assert response["ETag"].startswith('"')
    assert "Content-Encoding" not in response.headers


def test_nginx_is_told_where_a_large_film_lies(client: Client, settings: Any) -> None:
    settings.FILES_DELIVERY, settings.FILES_ACCEL_PREFIX = "accel", "/protected/"
    large, small = make_video(mp4(padding=BLOB_LIMIT)), make_video()
    response = client.get(f"/videos/{large.pk}", headers={"Range": "bytes=0-5"})
    assert (response.status_code, response.content) == (200, b"")
    assert response["X-Accel-Redirect"] == f"/protected/{large.file.name}"
    assert "Content-Length" not in response.headers or response["Content-Length"] == "0"
    assert {name: response[name] for name in SAFE} == SAFE
    assert response["Content-Type"] == "video/mp4"
    assert b"".join(client.get(f"/videos/{small.pk}")) == mp4()
    assert Client().get(f"/videos/{large.pk}").status_code == 302


def on_s3(endpoint: str) -> Any:
    options = {
        "bucket_name": "kith",
        "endpoint_url": endpoint,
        "access_key": "key",
        "secret_key": "secret",
        "region_name": "us-east-1",
        "addressing_style": "path",
        "signature_version": "s3v4",
    }
    files = {"BACKEND": "media_store.s3.S3Tier", "OPTIONS": options}
    return override_settings(STORAGES={**django_settings.STORAGES, "files": files})


def test_the_browser_is_sent_to_a_signed_address_that_nobody_keeps(client: Client, settings: Any) -> None:
    video = make_video(mp4(padding=BLOB_LIMIT))
    settings.FILES_DELIVERY = "redirect"
    with on_s3("https://s3.example.com"):
        response = client.get(f"/videos/{video.pk}")
    assert (response.status_code, response["Cache-Control"]) == (302, "no-store")
    address = urlsplit(response["Location"])
    query = parse_qs(address.query)
    assert (address.netloc, address.path) == ("s3.example.com", f"/kith/{video.file.name}")
    assert query["X-Amz-Expires"] == ["300"]
    assert query["response-content-type"] == ["video/mp4"]
    assert query["response-content-disposition"][0].startswith("inline")
    assert len(query["X-Amz-Signature"][0]) == 64
    assert "ETag" not in response.headers


def test_a_folder_cannot_be_redirected_to(client: Client, settings: Any) -> None:
    settings.FILES_DELIVERY = "redirect"
    content = mp4(padding=BLOB_LIMIT)
    assert b"".join(client.get(f"/videos/{make_video(content).pk}")) == content


def test_from_s3_only_the_range_is_fetched(client: Client, httpserver: HTTPServer) -> None:
    content = mp4(padding=BLOB_LIMIT) + os.urandom(50)
    video = make_video(content)

    def answer(request: Request) -> Response:
        first, last = request.headers["Range"].removeprefix("bytes=").split("-")
        return Response(content[int(first) : int(last) + 1], 206)

    httpserver.expect_request(f"/kith/{video.file.name}").respond_with_handler(answer)
    with on_s3(httpserver.url_for("").rstrip("/")):
        response = client.get(f"/videos/{video.pk}", headers={"Range": "bytes=-20"})
        assert (response.status_code, b"".join(response)) == (206, content[-20:])
        httpserver.clear()
        httpserver.expect_request(f"/kith/{video.file.name}").respond_with_data(
            "<Error><Code>NoSuchKey</Code></Error>", 404
        )
        assert client.get(f"/videos/{video.pk}").status_code == 404


@pytest.mark.parametrize(
    "path", ["/videos/1", f"/videos/{NOBODY}", "/videos/../../etc/passwd", f"/images/videos/{NOBODY}"]
)
def test_other_addresses_are_not_found(path: str, client: Client) -> None:
    assert client.get(path).status_code == 404
