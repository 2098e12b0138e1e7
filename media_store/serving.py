"""Answer with stored files: what browsers may keep, and what they may do with it."""

from __future__ import annotations

import re

from django.core.files.storage import default_storage
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotFound
from django.utils import timezone
from django.utils.http import parse_etags, quote_etag

from media_store.access import accesses
from media_store.models import StoredFile
from media_store.storage import read_content
from media_store.versions import VERSION_LENGTH, picture_url, version_in

__all__ = ["file_response", "missing_response", "named_picture_response", "picture_response", "picture_url"]

REVALIDATE = "private, no-cache"
FOR_EVER = "private, max-age=31536000, immutable"
WEBP = "image/webp"
MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+")

SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def picture_response(request: HttpRequest, *, name: str, sha256: str) -> HttpResponse:
    """Answer a GET or HEAD for the stored WebP `name`, whose content has the hash `sha256`; 404 when it is missing.

    The version in the address, `?v=`, decides how long the answer may be kept. A conditional request that holds the
    current picture is answered with 304 without a query.
    """
    is_current = request.GET.get("v") == sha256[:VERSION_LENGTH]
    headers = {**SAFE_HEADERS, "ETag": quote_etag(sha256), "Cache-Control": FOR_EVER if is_current else REVALIDATE}
    if has_match(request, sha256):
        return HttpResponse(status=304, headers=headers)
    try:
        if request.method == "HEAD":
            response = HttpResponse(content_type=WEBP, headers={"Content-Length": str(default_storage.size(name))})
        else:
            content = read_content(name)
            response = HttpResponse(content, content_type=WEBP, headers={"Content-Length": str(len(content))})
    except FileNotFoundError:
        return missing_response()
    accesses.note(name, now=timezone.now())
    for header, value in {**headers, "Content-Disposition": "inline"}.items():
        response[header] = value
    return response


def named_picture_response(request: HttpRequest, name: str) -> HttpResponse:
    """Answer as `picture_response` for a picture whose version is in its name; 404 for an empty name."""
    version = version_in(name) or StoredFile.objects.live().filter(name=name).values_list("sha256", flat=True).first()
    return picture_response(request, name=name, sha256=version) if name and version else missing_response()


def file_response(request: HttpRequest, stored: StoredFile) -> HttpResponseBase:
    """Answer a GET or HEAD for any stored file, streamed: shown when it is WebP, else only to be saved."""
    headers = {**SAFE_HEADERS, "ETag": quote_etag(stored.sha256), "Cache-Control": REVALIDATE}
    if has_match(request, stored.sha256):
        return HttpResponse(status=304, headers=headers)
    try:
        file = default_storage.open(stored.name)
    except FileNotFoundError:
        return missing_response()
    accesses.note(stored.name, now=timezone.now())
    is_plain = MEDIA_TYPE.fullmatch(stored.content_type) is not None
    response = FileResponse(
        file,
        as_attachment=stored.content_type != WEBP,
        filename=stored.name.rpartition("/")[2],
        content_type=stored.content_type if is_plain else "application/octet-stream",
        headers=headers,
    )
    response["Content-Length"] = str(stored.size)
    return response


def has_match(request: HttpRequest, sha256: str) -> bool:
    """Return whether If-None-Match names the current content; weak and strong tags compare alike (RFC 9110, 13.1.2)."""
    tags = parse_etags(request.headers.get("If-None-Match", ""))
    return bool(sha256) and (tags == ["*"] or quote_etag(sha256) in (tag.removeprefix("W/") for tag in tags))


def missing_response() -> HttpResponse:
    """Return a 404 that nobody keeps."""
    headers = {"Cache-Control": "no-store"}
    return HttpResponseNotFound("There is no such file.", content_type="text/plain", headers=headers)
