from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from config.jobs.models import Priority
from config.owned_admin import OwnedAutocompleteFilter, ReadOnlyAdmin
from contacts.admin.chat_filters import ArchivedChatFilter, LinkFilter, NetworkFilter, PictureStateFilter
from contacts.admin.chat_page import act_on_chat, chat_context, link_view, may_act, may_make
from contacts.chats.caching import Eagerness, Scope, clear_pictures, enqueue_pictures
from contacts.chats.coverage import PictureState, coverage
from contacts.chats.linking import NotLinkable, make_contact
from contacts.chats.picturing import Icon, choose_icon, icon_url
from contacts.initials import color, initials
from contacts.models import Chat, ChatPictureCount, ContactPicture
from contacts.regions import phone_region

AT_ONCE = 200
"""How many chats become contacts by one click, at most."""


@admin.register(Chat)
class ChatAdmin(ReadOnlyAdmin):
    """Conversations of messengers, as the last sync found them."""

    list_display = ["picture", "name", "network", "with_whom", "latest", "unread", "picture_state"]
    list_display_links = ["name"]
    list_select_related = ["photo_job", "contact"]
    list_filter = [
        PictureStateFilter,
        NetworkFilter,
        LinkFilter,
        ("kind", ChoicesDropdownFilter),
        ("contact", OwnedAutocompleteFilter),
        ArchivedChatFilter,
    ]
    search_fields = ["title__icontains"]
    search_help_text = "Title"
    sortable_by = ()
    actions = ["cache_now", "recache", "clear", "link", "make_contacts"]
    actions_list = ["cache"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Chat]:
        pictures = ContactPicture.objects.select_related("photo_job").defer("photo_job__source_url")
        chats = super().get_queryset(request).filter(merged_into="").defer("photo_job__source_url")
        return chats.prefetch_related(Prefetch("contact__pictures", queryset=pictures))

    # --- Columns ------------------------------------------------------------------------------------------------------
    @display(description="")
    def picture(self, chat: Chat) -> SafeString:
        icon = icon_of(chat)
        context = {"url": icon_url(chat, icon), "initials": initials(str(chat)), "color": color(str(chat)), "size": 36}
        return render_to_string("contacts/admin/avatar.html", context)

    @display(description="Chat")
    def name(self, chat: Chat) -> str:
        return str(chat)

    @display(description="Contact")
    def with_whom(self, chat: Chat) -> str:
        return str(chat.contact) if chat.contact else f"{chat.people} people" if chat.kind == Chat.Kind.GROUP else ""

    @display(description="Last activity")
    def latest(self, chat: Chat) -> str:
        return f"{timezone.localtime(chat.last_activity):%Y-%m-%d %H:%M}" if chat.last_activity else ""

    @display(description="Picture")
    def picture_state(self, chat: Chat) -> str:
        return icon_of(chat).reason

    # --- Pages --------------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<path:object_id>/act", wrap(require_POST(self.act)), name="contacts_chat_act"),
            path("<path:object_id>/link", wrap(self.link_page), name="contacts_chat_link"),
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        chat: Chat = self.get_owned_or_404(request, object_id)
        context = {**self.page_context(request, chat, title=str(chat)), **chat_context(request, chat, icon_of(chat))}
        return render(request, "contacts/admin/chat.html", context)

    def act(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return act_on_chat(request, self.get_owned_or_404(request, object_id))

    def link_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return link_view(self, request, self.get_owned_or_404(request, object_id))

    @action(description="Picture cache", url_path="cache", icon="photo_library", permissions=["view"])
    def cache(self, request: HttpRequest) -> HttpResponse:
        """Show how many chats have their picture, network by network."""
        chats, counts = Chat.objects.visible_to(request.user), ChatPictureCount.objects.visible_to(request.user)
        rows = coverage(chats, counts, now=timezone.now())
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Pictures of chats",
            "rows": rows,
            "states": PictureState,
            "total": sum(row.chats for row in rows),
            "cached": sum(row.states.get(PictureState.CACHED, 0) for row in rows),
            "bytes": sum(row.bytes for row in rows),
        }
        return render(request, "contacts/admin/chat_cache.html", context)

    def page_context(self, request: HttpRequest, chat: Chat, *, title: str) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "original": chat}

    # --- Actions ------------------------------------------------------------------------------------------------------
    @admin.action(description="Cache the picture now", permissions=["act"])
    def cache_now(self, request: HttpRequest, queryset: QuerySet[Chat]) -> None:
        self._queue(request, queryset, Eagerness.NOW)

    @admin.action(description="Fetch the picture again", permissions=["act"])
    def recache(self, request: HttpRequest, queryset: QuerySet[Chat]) -> None:
        self._queue(request, queryset, Eagerness.EVERYTHING)

    @admin.action(description="Clear the cached picture", permissions=["act"])
    def clear(self, request: HttpRequest, queryset: QuerySet[Chat]) -> None:
        count = clear_pictures(queryset)
        messages.success(request, f"Cleared: {count}. Each comes back when somebody looks at the chat.")

    @admin.action(description="Link to a contact…", permissions=["act"])
    def link(self, request: HttpRequest, queryset: QuerySet[Chat]) -> HttpResponse | None:
        chosen = list(queryset[:2])
        if len(chosen) == 1:
            return HttpResponseRedirect(reverse("admin:contacts_chat_link", args=[chosen[0].pk]))
        messages.warning(request, "Choose one chat to link.")
        return None

    @admin.action(description="Make a contact of each", permissions=["make"])
    def make_contacts(self, request: HttpRequest, queryset: QuerySet[Chat]) -> None:
        made = 0
        for chat in queryset[:AT_ONCE]:
            try:
                make_contact(chat, region=phone_region(chat.owner_id))
                made += 1
            except NotLinkable as refusal:
                messages.warning(request, f"{chat}: {refusal}")
        if made:
            messages.success(request, f"Contacts made: {made}. The next sync reads their messages.")

    def has_act_permission(self, request: HttpRequest) -> bool:
        return may_act(request)

    def has_make_permission(self, request: HttpRequest) -> bool:
        return may_make(request)

    def _queue(self, request: HttpRequest, chats: QuerySet[Chat], eagerness: Eagerness) -> None:
        scope = Scope(chat_ids=tuple(chats.order_by().values_list("pk", flat=True)))
        count = enqueue_pictures(scope, now=timezone.now(), eagerness=eagerness, priority=Priority.PERSON)
        messages.success(request, f"Queued: {count}. What is cached stays until the new picture is there.")


def icon_of(chat: Chat) -> Icon:
    """Return the picture of a chat of this admin's queryset."""
    return choose_icon(chat, chat.contact.pictures.all() if chat.contact else [], now=timezone.now())
