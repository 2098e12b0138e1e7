"""What browsers fetch by address: pictures of contacts."""

from __future__ import annotations

import hashlib
from uuid import UUID

from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.http import require_safe

from contacts.initials import initials_svg
from contacts.models import Contact
from contacts.pictures import choose, with_pictures
from media_store.serving import picture_response


@require_safe
@staff_member_required
def contact_avatar(request: HttpRequest, contact_id: UUID) -> HttpResponse:
    """Answer with the picture that is shown for the contact: a stored one, else initials. Foreign ids are 404."""
    contact = get_object_or_404(with_pictures(Contact.objects.visible_to(request.user)), pk=contact_id)
    picture = choose(contact.pictures.all()).picture
    if picture is None:
        return _initials_response(request, contact.display_name)
    job = picture.photo_job
    return picture_response(request, name=job.file.name, sha256=job.sha256)


def _initials_response(request: HttpRequest, name: str) -> HttpResponse:
    svg = initials_svg(name)
    etag = quote_etag(hashlib.sha256(svg.encode()).hexdigest()[:32])
    response = HttpResponse(svg, content_type="image/svg+xml")
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    return get_conditional_response(request, etag=etag, response=response) or response
