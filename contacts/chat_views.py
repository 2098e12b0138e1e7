"""Pictures of chats: what browsers fetch by address. A picture that is not there yet is woken by the first look."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_safe

from contacts.chats.caching import wake
from contacts.chats.counting import What, tally
from contacts.chats.picturing import choose_icon
from contacts.models import Chat
from contacts.pictures import pictures_to_show
from contacts.views import initials_response
from media_store.serving import picture_response

LONGEST_REASON = 300


@require_safe
@staff_member_required
def chat_icon(request: HttpRequest, chat_id: UUID) -> HttpResponse:
    """Answer with the picture that stands for the chat: its own, its contact's, or initials. Foreign ids are 404.

    `X-Picture-Reason` says why it is that one.
    """
    now = timezone.now()
    chats = Chat.objects.visible_to(request.user).select_related("photo_job", "contact")
    chat = get_object_or_404(chats, pk=chat_id)
    of_contact = pictures_to_show(chat.contact_id, viewer=request.user) if chat.contact_id else []
    icon = choose_icon(chat, of_contact, now=now)
    response = None
    if icon.job is not None:
        response = picture_response(request, name=icon.job.file.name or "", sha256=icon.job.sha256)
    is_lost = response is None or response.status_code == 404
    _count(chat, is_lost=is_lost and icon.source == Chat.Shown.CHAT, now=now)
    if response is None or is_lost:
        response = initials_response(request, str(chat))
    response["X-Picture-Reason"] = icon.reason.encode("ascii", "replace").decode()[:LONGEST_REASON]
    return response


def _count(chat: Chat, *, is_lost: bool, now: datetime) -> None:
    """Count a look at a chat that has a picture at its source, and wake the picture where there are no bytes of it."""
    if not chat.picture_url or chat.is_picture_blocked:
        return
    is_cached = not is_lost and bool(chat.photo_job and chat.photo_job.file)
    what = [What.HIT if is_cached else What.MISS]
    if not is_cached and wake(chat, now=now):
        what.append(What.REFETCH)
    tally.note(chat.owner_id, chat.network, *what, now=now)
