"""The gallery of a part: its pictures by index, how many there are, and what changes them."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from media_store import gallery
from media_store.models import Part, PartImage
from media_store.refusals import UploadRefused
from media_store.serving import named_picture_response
from media_store.uploads import NO_STORE, only_file, upload_view


@require_safe
@staff_member_required
def part_image(request: HttpRequest, part_id: int) -> HttpResponse:
    """Answer with the picture at `?index=`, by default the first; 404 where there is none."""
    _require(request, "media_store.view_part")
    index = _number(request.GET.get("index", "0"))
    image = None if index is None else PartImage.objects.filter(part_id=part_id, position=index).first()
    return named_picture_response(request, image.image.name or "" if image else "")


@require_safe
@staff_member_required
def part_image_count(request: HttpRequest, part_id: int) -> JsonResponse:
    """Answer {"count": n}."""
    _require(request, "media_store.view_part")
    part = get_object_or_404(Part, pk=part_id)
    return JsonResponse({"count": part.images.count()}, headers=NO_STORE)


@upload_view(permission="media_store.change_part")
def upload_part_image(request: HttpRequest, part_id: int, index: int | None = None) -> HttpResponseBase:
    """Change the gallery.

    POST …/images adds a picture at the end, or with `position` before the one there. POST …/images/<n> replaces
    picture n by the file, or without a file moves it to `position`. DELETE …/images/<n> takes it away.
    """
    get_object_or_404(Part, pk=part_id)
    try:
        if request.method == "DELETE":
            return _delete(part_id, index)
        return _post(request, part_id, index)
    except (Part.DoesNotExist, PartImage.DoesNotExist):
        raise Http404 from None


def _delete(part_id: int, index: int | None) -> HttpResponse:
    if index is None:
        raise UploadRefused("no_index", "Say which picture: …/images/<n>.", status=405)
    gallery.delete_image(part_id, position=index)
    return HttpResponse(status=204, headers=NO_STORE)


def _post(request: HttpRequest, part_id: int, index: int | None) -> JsonResponse:
    position = _position(request)
    if index is not None and not request.FILES:
        if position is None:
            raise UploadRefused("no_file", "Send a file, or the position that the picture moves to.")
        gallery.move_image(part_id, position=index, to=position)
        return _answer(part_id, status=200)
    if index is None:
        image = gallery.insert_image(part_id, only_file(request), position=position)
    else:
        image = gallery.replace_image(part_id, only_file(request), position=index)
    return _answer(part_id, image, status=201 if index is None else 200)


def _answer(part_id: int, image: PartImage | None = None, *, status: int) -> JsonResponse:
    body: dict[str, Any] = {"count": PartImage.objects.filter(part_id=part_id).count()}
    if image is not None:
        body |= {"index": image.position, "url": image.image.url}
    return JsonResponse(body, status=status, headers=NO_STORE)


def _position(request: HttpRequest) -> int | None:
    text = request.POST.get("position", "")
    position = _number(text)
    if text and position is None:
        raise UploadRefused("bad_position", "The position is a number from 0.")
    return position


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else None


def _require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied
