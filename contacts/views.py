"""Pictures of contacts, organizations and users: what browsers fetch by address, and what takes uploads."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from django.contrib.admin.views.decorators import staff_member_required
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.http import require_safe

from contacts.avatars import delete_avatar, upload_avatar
from contacts.initials import initials_svg
from contacts.models import Contact, Organization, UserProfile
from contacts.pictures import choose, image_url, pictures_to_show, with_pictures
from media_store.fields import optimize
from media_store.models import PhotoJob
from media_store.refetching import refetch_missing
from media_store.serving import named_picture_response, picture_response
from media_store.uploads import NO_STORE, only_file, upload_view


@require_safe
@staff_member_required
def contact_avatar(request: HttpRequest, contact_id: UUID) -> HttpResponse:
    """Answer with the picture that is shown for the contact: a stored one, else initials. Foreign ids are 404."""
    picture = choose(pictures_to_show(contact_id, viewer=request.user)).picture
    if picture is not None:
        job = picture.photo_job
        response = picture_response(request, name=job.file.name or "", sha256=job.sha256)
        if response.status_code != 404:
            return response
        refetch_missing(job, now=timezone.now())
    contact = get_object_or_404(Contact.objects.visible_to(request.user), pk=contact_id)
    return initials_response(request, contact.display_name)


@upload_view()
def change_contact_avatar(request: HttpRequest, contact_id: UUID) -> HttpResponseBase:
    """POST one file to make it the contact's picture, DELETE to take the uploaded one away."""
    contact = get_object_or_404(Contact.objects.visible_to(request.user), pk=contact_id)
    if request.method == "DELETE":
        delete_avatar(contact)
        return HttpResponse(status=204, headers=NO_STORE)
    picture = upload_avatar(contact, only_file(request))
    shown = with_pictures(Contact.objects.filter(pk=contact.pk)).get()
    is_stored = picture.photo_job.state == PhotoJob.State.COMPLETED
    body = {
        "url": image_url(shown) or None,
        "state": picture.photo_job.state,
        "reason": choose(shown.pictures.all()).reason,
    }
    return JsonResponse(body, status=201 if is_stored else 202, headers=NO_STORE)


@require_safe
@staff_member_required
def user_profile_photo(request: HttpRequest, user_id: int) -> HttpResponse:
    """Answer with a user's photo, to any signed-in staff; 404 where there is none."""
    profile = UserProfile.objects.filter(pk=user_id).first()
    return named_picture_response(request, profile.photo.name or "" if profile else "")


@require_safe
@staff_member_required
def organization_logo(request: HttpRequest, organization_id: int) -> HttpResponse:
    """Answer with the logo of one of the user's organizations; 404 where there is none."""
    organization = get_object_or_404(Organization.objects.visible_to(request.user), pk=organization_id)
    return named_picture_response(request, organization.logo.name or "")


@upload_view()
def change_profile_photo(request: HttpRequest) -> HttpResponseBase:
    """POST one file to make it one's own photo, DELETE to take it away."""
    UserProfile.objects.get_or_create(pk=request.user.pk or 0)
    return _change(request, UserProfile.objects.filter(pk=request.user.pk), "photo")


@upload_view()
def change_organization_logo(request: HttpRequest, organization_id: int) -> HttpResponseBase:
    """POST one file to make it the logo, DELETE to take the logo away."""
    return _change(request, Organization.objects.visible_to(request.user).filter(pk=organization_id), "logo")


def _change(request: HttpRequest, rows: QuerySet[Any], field: str) -> HttpResponse:
    """Set the picture of one row to the uploaded file, or with DELETE to none."""
    if not rows.exists():
        raise Http404
    is_square = rows.model._meta.get_field(field).is_square
    image = optimize(only_file(request), is_square=is_square) if request.method == "POST" else ""
    with transaction.atomic():
        row = get_object_or_404(rows.select_for_update(no_key=True))
        setattr(row, field, image)
        row.save(update_fields=[field])
    if not image:
        return HttpResponse(status=204, headers=NO_STORE)
    return JsonResponse({"url": getattr(row, field).url}, status=201, headers=NO_STORE)


def initials_response(request: HttpRequest, name: str) -> HttpResponse:
    """Answer with the initials of `name`, which browsers ask for anew each time: a picture may have come."""
    svg = initials_svg(name)
    etag = quote_etag(hashlib.sha256(svg.encode()).hexdigest()[:32])
    response = HttpResponse(svg, content_type="image/svg+xml")
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    return get_conditional_response(request, etag=etag, response=response) or response
