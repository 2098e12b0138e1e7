"""What a person decides about one picture of a contact, by the buttons in the table of its pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse

from contacts.models import Contact, ContactPicture
from contacts.pictures import block, pin, refresh, unblock, unpin

if TYPE_CHECKING:
    from contacts.admin.contact import ContactAdmin

# What is done, and what is said of a picture from this source afterwards.
VERBS: dict[str, tuple[Callable[[ContactPicture], object], str]] = {
    "pin": (pin, "The picture from {source} is pinned: it is shown whatever else comes."),
    "unpin": (unpin, "The picture from {source} is no longer pinned."),
    "block": (block, "The picture from {source} is blocked: it is never shown, and not asked for again."),
    "unblock": (unblock, "The picture from {source} may be shown again."),
    "refresh": (refresh, "The picture from {source} is asked for again; the present one stays until then."),
}


def decide_view(model_admin: ContactAdmin, request: HttpRequest, contact: Contact) -> HttpResponse:
    """Do what a POST says, `decision=<verb>:<id of the picture>`, and go back to the pictures."""
    if not model_admin.has_change_permission(request, contact):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    verb, _, pk = request.POST.get("decision", "").partition(":")
    is_id = pk.isascii() and pk.isdigit() and len(pk) < 19
    picture = contact.pictures.filter(pk=int(pk) if is_id else 0).first()
    if picture is None or verb not in VERBS:
        raise Http404
    decide, done = VERBS[verb]
    decide(picture)
    messages.success(request, done.format(source=picture.get_source_display()))
    return HttpResponseRedirect(f"{reverse('admin:contacts_contact_change', args=[contact.pk])}#pictures")


def verbs_for(picture: ContactPicture) -> list[str]:
    """Return what can be done about this picture now."""
    verbs = ["unpin" if picture.pinned else "pin", "unblock" if picture.blocked else "block"]
    can_be_asked = not picture.blocked and picture.source != ContactPicture.Source.UPLOAD
    return [*verbs, "refresh"] if can_be_asked and picture.photo_job.state in ("completed", "failed") else verbs
