"""Take uploads from browsers and programs: who may, how much, and one plain sentence for what is not taken."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied, TooManyFilesSent
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, TemporaryFileUploadHandler
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from media_store import refusals
from media_store.containers import sniff
from media_store.refusals import UploadRefused

View = Callable[..., HttpResponseBase]

FORM_BYTES = 100_000
"""What a form may have beside its files."""

NO_STORE = {"Cache-Control": "no-store"}


def picture_limit() -> int:
    return int(settings.PHOTO_MAX_BYTES)


def video_limit() -> int:
    """Return the bytes of a video and its thumbnail."""
    return int(settings.VIDEO_MAX_BYTES) + picture_limit()


def upload_view(
    *, max_bytes: Callable[[], int] = picture_limit, permission: str = "", is_video: bool = False
) -> Callable[[View], View]:
    """Make an address that takes POST and DELETE from signed-in staff, and answers every fault with {error, code}.

    Whoever may not upload, or announces too much, is turned away before a byte of the body is read; so the check of
    the CSRF token, which reads the body, comes after. `permission` is what a user needs, as `app.change_model`.
    """

    def decorate(view: View) -> View:
        guarded = csrf_protect(view)

        @csrf_exempt
        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            fault = _fault(request, permission=permission, max_bytes=max_bytes())
            if fault is not None:
                return fault
            partly = TemporaryFileUploadHandler(request)
            request.upload_handlers = [CheckingHandler(request, is_video=is_video), partly]
            try:
                return _plainly(guarded, request, *args, **kwargs)
            finally:
                _let_go(partly)

        return wrapper

    return decorate


def problem(message: str, *, code: str, status: int) -> JsonResponse:
    return JsonResponse({"error": message, "code": code}, status=status, headers=NO_STORE)


def only_file(request: HttpRequest) -> UploadedFile[bytes]:
    """Return the one file of the request, whatever its field is called; raises UploadRefused."""
    files = [file for _, found in request.FILES.lists() for file in found]
    if len(files) != 1:
        raise UploadRefused("no_file", "Send exactly one file, as multipart/form-data.")
    return files[0]


def _fault(request: HttpRequest, *, permission: str, max_bytes: int) -> HttpResponse | None:
    """Return the answer to a request whose body is not worth reading."""
    user: AbstractBaseUser | AnonymousUser = request.user
    if request.method not in ("POST", "DELETE"):
        answer = problem("Use POST or DELETE here.", code="method_not_allowed", status=405)
        answer["Allow"] = "POST, DELETE"
        return answer
    if not user.is_authenticated:
        return problem("Sign in first.", code="not_signed_in", status=401)
    if not getattr(user, "is_staff", False) or (permission and not request.user.has_perm(permission)):
        return problem("You may not do this.", code="forbidden", status=403)
    if _announced(request) > max_bytes + FORM_BYTES:
        refusal = refusals.too_large(max_bytes)
        return problem(str(refusal), code=refusal.code, status=refusal.status)
    return None


def _announced(request: HttpRequest) -> int:
    """Return the Content-Length; Django reads no more than that, and nothing where there is none."""
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    return int(length) if length.isascii() and length.isdigit() else 0


def _plainly(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
    """Call the view; say in one sentence what went wrong, also in the check of the CSRF token."""
    try:
        response = view(request, *args, **kwargs)
    except UploadRefused as refusal:
        return problem(str(refusal), code=refusal.code, status=refusal.status)
    except (MultiPartParserError, TooManyFilesSent, UnreadablePostError):
        return problem("The form cannot be read.", code="bad_request", status=400)
    except PermissionDenied:
        return problem("You may not do this.", code="forbidden", status=403)
    except Http404:
        return problem("There is no such thing here.", code="not_found", status=404)
    if response.status_code == 403 and response.headers.get("Content-Type", "").startswith("text/html"):
        return problem("The CSRF token is missing or wrong.", code="csrf_failed", status=403)
    return response


def _let_go(handler: TemporaryFileUploadHandler) -> None:
    """Delete what has come of a file that was refused on the way; Django closes only those that are complete."""
    file: UploadedFile[bytes] | None = getattr(handler, "file", None)
    if file is not None:
        file.close()


class CheckingHandler(FileUploadHandler):
    """Ends an upload at the first byte too many, and that of a video at the first bytes that are of none."""

    chunk_size = 64 * 1024

    def __init__(self, request: HttpRequest, *, is_video: bool) -> None:
        super().__init__(request)
        self._is_video = is_video

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._is_thumbnail = not self._is_video or self.field_name == "thumbnail"
        self._limit = picture_limit() if self._is_thumbnail else int(settings.VIDEO_MAX_BYTES)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        if start + len(raw_data) > self._limit:
            raise refusals.too_large(self._limit)
        if start == 0 and not self._is_thumbnail and sniff(raw_data) is None:
            raise refusals.not_a_video()
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None
