"""Videos: uploaded once, watched by everybody who may."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from media_store.fields import optimize
from media_store.models import Part, PartVideo, SupportVideo
from media_store.refusals import UploadRefused
from media_store.serving import named_picture_response
from media_store.uploads import NO_STORE, problem, upload_view, video_limit
from media_store.videos import video_response

AnyVideo = SupportVideo | PartVideo

VIEW = {SupportVideo: "media_store.view_supportvideo", PartVideo: "media_store.view_partvideo"}
ADD = {SupportVideo: "media_store.add_supportvideo", PartVideo: "media_store.add_partvideo"}
DELETE = {SupportVideo: "media_store.delete_supportvideo", PartVideo: "media_store.delete_partvideo"}


@require_safe
@staff_member_required
def video(request: HttpRequest, video_id: UUID) -> HttpResponseBase:
    """Answer with a video, whole or in one range."""
    found = _find(video_id)
    _require(request, VIEW[type(found)])
    return video_response(request, name=str(found.file.name), content_type=found.content_type)


@require_safe
@staff_member_required
def video_thumbnail(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """Answer with the picture that was uploaded with a video; 404 where there is none."""
    found = _find(video_id)
    _require(request, VIEW[type(found)])
    return named_picture_response(request, found.thumbnail.name or "")


@upload_view(max_bytes=video_limit, is_video=True)
def upload_video(request: HttpRequest, video_id: UUID | None = None) -> HttpResponseBase:
    """POST: `file`, perhaps `thumbnail`, `title`, and `category`, or `part` and `kind`. DELETE …/<id>."""
    if request.method == "POST" and video_id is None:
        return _add(request)
    if request.method == "DELETE" and video_id is not None:
        return _delete(request, video_id)
    return problem("POST to /uploads/videos, DELETE at /uploads/videos/<id>.", code="method_not_allowed", status=405)


def _add(request: HttpRequest) -> JsonResponse:
    model = PartVideo if request.POST.get("part") else SupportVideo
    _require(request, ADD[model])
    files: Any = request.FILES
    file: UploadedFile[bytes] | None = files.get("file")
    if file is None:
        raise UploadRefused("no_file", "Send the video as the file of the form.")
    fields = _texts(request, model)
    if "thumbnail" in files:
        fields["thumbnail"] = optimize(files["thumbnail"])
    with transaction.atomic():
        found = model.objects.create(file=file, **fields)
    return JsonResponse(_described(found), status=201, headers=NO_STORE)


def _texts(request: HttpRequest, model: type[AnyVideo]) -> dict[str, Any]:
    """Return what the form says of the video; raises UploadRefused for a text that is too long, Http404 for a part."""
    names = ["title", "kind"] if model is PartVideo else ["title", "category"]
    texts: dict[str, Any] = {name: request.POST.get(name, "").replace("\0", "").strip() for name in names}
    for name, text in texts.items():
        longest: int = model._meta.get_field(name).max_length  # type: ignore[union-attr,assignment]
        if len(text) > longest:
            raise UploadRefused("invalid_request", f"The {name} has more than {longest} characters.")
    if model is PartVideo:
        number = request.POST["part"]
        is_id = number.isascii() and number.isdigit() and len(number) < 19
        texts["part"] = get_object_or_404(Part, pk=int(number) if is_id else 0)
    return texts


def _described(found: AnyVideo) -> dict[str, Any]:
    return {
        "id": str(found.pk),
        "url": found.file.url,
        "thumbnail_url": found.thumbnail.url if found.thumbnail else None,
        "content_type": found.content_type,
        "size": found.size,
        "duration_seconds": None if found.duration is None else found.duration.total_seconds(),
    }


def _delete(request: HttpRequest, video_id: UUID) -> HttpResponse:
    found = _find(video_id)
    _require(request, DELETE[type(found)])
    found.delete()
    return HttpResponse(status=204, headers=NO_STORE)


def _find(video_id: UUID) -> AnyVideo:
    for model in (SupportVideo, PartVideo):
        found = model.objects.filter(pk=video_id).first()
        if found is not None:
            return found
    raise Http404


def _require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied
