"""The page of one chat: what it is, whom it is with, which picture stands for it, and what a person can do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from config.jobs.models import Priority
from contacts.admin.search import search_contacts
from contacts.chats.caching import Eagerness, Scope, clear_pictures, enqueue_pictures, set_blocked
from contacts.chats.linking import NotLinkable, link_chat, make_contact, unlink_chat
from contacts.chats.picturing import Icon, icon_url, missing_reason
from contacts.chats.recording import SOURCE
from contacts.models import Chat, CommunicationEvent, Contact
from contacts.pictures import with_pictures
from contacts.regions import phone_region

if TYPE_CHECKING:
    from contacts.admin.chat import ChatAdmin

PEOPLE_SHOWN = 100
FILES_SHOWN = 20
MESSAGES_SHOWN = 10
FOUND_SHOWN = 20


def chat_context(request: HttpRequest, chat: Chat, icon: Icon) -> dict[str, Any]:
    """Return what `contacts/admin/chat.html` shows."""
    people = list(chat.participants.select_related("contact")[: PEOPLE_SHOWN + 1])
    events = CommunicationEvent.objects.filter(owner_id=chat.owner_id, source=SOURCE, thread_id=str(chat.pk))
    return {
        "chat": chat,
        "icon": icon,
        # Asked for also where there are only initials: the first look fetches a picture that is not there.
        "icon_url": icon_url(chat, icon) or reverse("chat-icon", args=[chat.pk]),
        "own_picture": missing_reason(chat) if icon.source != Chat.Shown.CHAT else "",
        "is_cached": bool(chat.photo_job and chat.photo_job.file),
        "people": people[:PEOPLE_SHOWN],
        "has_more_people": len(people) > PEOPLE_SHOWN,
        "files": chat.attachments.all()[:FILES_SHOWN],
        "events": events.select_related("contact").order_by("-happened_at")[:MESSAGES_SHOWN],
        "may_act": may_act(request),
        "may_make": may_make(request),
        "can_link": chat.kind == Chat.Kind.SINGLE,
        "shown_choices": Chat.Shown.choices,
    }


def may_act(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("contacts.change_chat"))


def may_make(request: HttpRequest) -> bool:
    """Say whether the person may make contacts of chats."""
    return may_act(request) and bool(request.user.has_perm("contacts.add_contact"))


def act_on_chat(request: HttpRequest, chat: Chat) -> HttpResponse:
    """Do what a button of the page says, or tell why not."""
    if not may_act(request):
        raise PermissionDenied
    act = ACTS.get(request.POST.get("verb", ""))
    try:
        if act is not None:
            messages.success(request, act(request, chat))
    except NotLinkable as refusal:
        messages.error(request, str(refusal))
    return _to_page(chat)


def link_view(model_admin: ChatAdmin, request: HttpRequest, chat: Chat) -> HttpResponse:
    """Find a contact by name, e-mail or phone; a POST links the chosen one."""
    if not may_act(request) or not request.user.has_perm("contacts.view_contact"):
        raise PermissionDenied
    contacts = Contact.objects.visible_to(request.user).filter(owner_id=chat.owner_id)
    if request.method == "POST":
        contact = contacts.filter(pk=request.POST.get("contact") or None).first() if _is_id(request) else None
        if contact is None:
            messages.error(request, "That contact is no longer there.")
        else:
            try:
                link_chat(chat, contact)
                messages.success(request, f"Linked to {contact}. The next sync reads earlier messages.")
            except NotLinkable as refusal:
                messages.error(request, str(refusal))
        return _to_page(chat)
    term = request.GET.get("q", str(chat)).strip()
    region = phone_region(request.user.pk)
    found = search_contacts(contacts, term, user=request.user, region=region) if term else contacts.none()
    context = {
        **model_admin.page_context(request, chat, title=f"Who is {chat}?"),
        "chat": chat,
        "term": term,
        "contacts": with_pictures(found).prefetch_related("emails", "phones")[:FOUND_SHOWN],
    }
    return render(request, "contacts/admin/chat_link.html", context)


def _is_id(request: HttpRequest) -> bool:
    text = request.POST.get("contact", "")
    return len(text) == 36 and set(text) <= set("0123456789abcdef-")


def _cache(request: HttpRequest, chat: Chat) -> str:
    _enqueue(chat, Eagerness.NOW)
    return "The picture is fetched next, before all others."


def _recache(request: HttpRequest, chat: Chat) -> str:
    _enqueue(chat, Eagerness.EVERYTHING)
    return "The picture is fetched again; the present one stays until then."


def _enqueue(chat: Chat, eagerness: Eagerness) -> None:
    scope = Scope(chat_ids=(chat.pk,))
    enqueue_pictures(scope, now=timezone.now(), eagerness=eagerness, priority=Priority.PERSON)


def _clear(request: HttpRequest, chat: Chat) -> str:
    clear_pictures(Chat.objects.filter(pk=chat.pk))
    return "Cleared. It comes back when somebody looks at the chat."


def _block(request: HttpRequest, chat: Chat) -> str:
    if request.POST.get("source") == Chat.Shown.CONTACT:
        is_blocked = not chat.is_contact_picture_blocked
        Chat.objects.filter(pk=chat.pk).update(is_contact_picture_blocked=is_blocked)
        return "The contact's picture is not shown here." if is_blocked else "The contact's picture may be shown here."
    is_blocked = not chat.is_picture_blocked
    set_blocked(chat, is_blocked=is_blocked, now=timezone.now())
    return f"The picture from {chat.network} is {'neither shown nor fetched' if is_blocked else 'allowed again'}."


def _show(request: HttpRequest, chat: Chat) -> str:
    shown = request.POST.get("shown", "")
    if shown in Chat.Shown.values:
        Chat.objects.filter(pk=chat.pk).update(shown=shown)
    return "Saved."


def _unlink(request: HttpRequest, chat: Chat) -> str:
    unlink_chat(chat)
    return "The chat is linked to nobody, and will not be matched again."


def _make(request: HttpRequest, chat: Chat) -> str:
    if not may_make(request):
        raise PermissionDenied
    contact = make_contact(chat, region=phone_region(chat.owner_id))
    return f"{contact} is a contact now. The next sync reads the messages."


def _to_page(chat: Chat) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:contacts_chat_change", args=[chat.pk]))


ACTS: dict[str, Callable[[HttpRequest, Chat], str]] = {
    "cache": _cache,
    "recache": _recache,
    "clear": _clear,
    "block": _block,
    "show": _show,
    "unlink": _unlink,
    "make": _make,
}
