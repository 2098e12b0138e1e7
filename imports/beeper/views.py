"""/attachments/<id>: a file of a message, for the owner of the chat."""

from __future__ import annotations

import re
from uuid import UUID

from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from contacts.models import ChatAttachment
from imports.beeper.attachments import AttachmentError, Stream, open_attachment
from media_store.serving import SAFE_HEADERS

# Shown in the browser; every other kind is only to be saved.
SHOWN = re.compile(r"image/(jpeg|png|gif|webp)|video/(mp4|webm)|audio/(mpeg|mp4|ogg|aac|wav)")
UNKNOWN = "application/octet-stream"


@require_safe
@staff_member_required
def attachment(request: HttpRequest, attachment_id: UUID) -> HttpResponseBase:
    """Stream a file; `Range` is passed on. Foreign ids are 404, before anything is asked for."""
    attachments = ChatAttachment.objects.visible_to(request.user).select_related("chat")
    found = get_object_or_404(attachments, pk=attachment_id)
    try:
        stream = open_attachment(found, range_header=request.headers.get("Range", ""))
    except AttachmentError as error:
        headers = {**SAFE_HEADERS, "Cache-Control": "no-store"}
        return HttpResponse(str(error), status=error.status, content_type="text/plain", headers=headers)
    if request.method == "HEAD":
        stream.close()
        return HttpResponse(status=stream.status, headers=_headers(found, stream))
    response = StreamingHttpResponse(stream.chunks, status=stream.status, headers=_headers(found, stream))
    # Django closes what is in this list when the answer has been sent or the browser has gone.
    response._resource_closers.append(stream.close)  # type: ignore[attr-defined]
    return response


def _headers(found: ChatAttachment, stream: Stream) -> dict[str, str]:
    is_shown = SHOWN.fullmatch(found.content_type) is not None
    disposition = content_disposition_header(not is_shown, found.file_name or "attachment")
    return {
        **stream.headers,
        **SAFE_HEADERS,
        "Content-Type": found.content_type if is_shown else UNKNOWN,
        "Content-Disposition": disposition or "attachment",
        "Cache-Control": "private, no-store",
    }
