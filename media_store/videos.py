"""Answer with stored videos: whole or in one range, streamed, or handed over to nginx or the S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.http.response import HttpResponseRedirect
from django.utils.http import content_disposition_header, http_date, parse_http_date_safe, quote_etag

from media_store.models import StoredFile
from media_store.ranges import ByteRange, Unsatisfiable, is_still_current, read_range
from media_store.serving import FOR_EVER, REVALIDATE, SAFE_HEADERS, has_match, missing_response
from media_store.tiers import files_tier
from media_store.versions import VERSION_LENGTH

CHUNK = 262_144
LINK_SECONDS = 300


def video_response(request: HttpRequest, *, name: str, content_type: str) -> HttpResponseBase:
    """Answer a GET or HEAD for the stored video `name`; a GET may ask for one range. 404 when it is missing.

    With FILES_DELIVERY, files of the `files` tier are left to nginx (accel) or the S3 server (redirect).
    """
    stored = StoredFile.objects.live().select_related("blob").defer("blob__data").filter(name=name).first()
    if stored is None:
        return missing_response()
    headers = _headers(request, stored, content_type)
    if _has_it(request, stored):
        return HttpResponse(status=304, headers=headers)
    if stored.blob_id is None and _can_be_left_to() == settings.FILES_DELIVERY:
        return _handed_over(stored, content_type, headers)
    try:
        asked = _asked(request, stored, headers["ETag"])
    except Unsatisfiable:
        return HttpResponse(status=416, headers={**headers, "Content-Range": f"bytes */{stored.size}"})
    span = asked or ByteRange(0, stored.size - 1, stored.size)
    headers["Content-Length"] = str(span.length)
    if request.method == "HEAD":
        return HttpResponse(headers=headers)
    try:
        chunks = _open(stored, span)
    except FileNotFoundError:
        return missing_response()
    if asked:
        headers["Content-Range"] = asked.content_range
    return StreamingHttpResponse(chunks, status=206 if asked else 200, headers=headers)


def _headers(request: HttpRequest, stored: StoredFile, content_type: str) -> dict[str, str]:
    is_current = request.GET.get("v") == stored.sha256[:VERSION_LENGTH]
    filename = stored.name.rpartition("/")[2]
    return {
        **SAFE_HEADERS,
        "Content-Type": content_type,
        "Content-Disposition": content_disposition_header(as_attachment=False, filename=filename) or "inline",
        "Accept-Ranges": "bytes",
        "ETag": quote_etag(stored.sha256),
        "Last-Modified": http_date(stored.created_at.timestamp()),
        "Cache-Control": FOR_EVER if is_current else REVALIDATE,
    }


def _has_it(request: HttpRequest, stored: StoredFile) -> bool:
    """Say whether the browser holds the file: by tag, or where it sends none by date."""
    if "If-None-Match" in request.headers:
        return has_match(request, stored.sha256)
    since = parse_http_date_safe(request.headers.get("If-Modified-Since", ""))
    return since is not None and int(stored.created_at.timestamp()) <= since


def _asked(request: HttpRequest, stored: StoredFile, etag: str) -> ByteRange | None:
    """Return the range to send, None for the whole file: ranges are for GET only (RFC 9110, 14.2)."""
    if request.method != "GET":
        return None
    if not is_still_current(request.headers.get("If-Range", ""), etag=etag, modified_at=stored.created_at):
        return None
    return read_range(request.headers.get("Range", ""), size=stored.size)


def _can_be_left_to() -> str:
    """Return the FILES_DELIVERY that fits the `files` tier: nginx reads folders, S3 servers know signed addresses."""
    return "accel" if isinstance(files_tier(), FileSystemStorage) else "redirect"


def _handed_over(stored: StoredFile, content_type: str, headers: dict[str, str]) -> HttpResponse:
    """Let nginx send the file, ranges included, or send the browser to a signed address of five minutes."""
    if settings.FILES_DELIVERY == "accel":
        address = f"{settings.FILES_ACCEL_PREFIX.rstrip('/')}/{quote(stored.name)}"
        return HttpResponse(headers={**headers, "X-Accel-Redirect": address})
    parameters = {"ResponseContentType": content_type, "ResponseContentDisposition": headers["Content-Disposition"]}
    storage: Any = files_tier()
    address = storage.url(stored.name, parameters=parameters, expire=LINK_SECONDS)
    return HttpResponseRedirect(address, headers={**SAFE_HEADERS, "Cache-Control": "no-store"})


def _open(stored: StoredFile, span: ByteRange) -> Iterator[bytes]:
    """Return the bytes of `span` in pieces of at most 256 KB; raises FileNotFoundError before the first."""
    if stored.blob is not None:
        return Pieces(ContentFile(bytes(stored.blob.data)), span)
    tier: Any = files_tier()
    if isinstance(tier, FileSystemStorage):
        return Pieces(tier.open(stored.name), span)
    chunks: Iterator[bytes] = tier.read_range(stored.name, start=span.start, end=span.end, chunk=CHUNK)
    return chunks


class Pieces:
    """The bytes of one range of an open file; closes the file, also when nobody has read a byte."""

    def __init__(self, file: File[Any], span: ByteRange) -> None:
        self._file = file
        self._left = span.length
        file.seek(span.start)

    def __iter__(self) -> Pieces:
        return self

    def __next__(self) -> bytes:
        piece: bytes = self._file.read(min(CHUNK, self._left))
        if not piece:
            raise StopIteration
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        self._file.close()
