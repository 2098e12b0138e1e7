from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, RadioFilter

from contacts.chats.coverage import PictureState, in_state
from contacts.models import Chat


class PictureStateFilter(DropdownFilter):
    """By what there is of the chat's own picture."""

    title = "picture"
    parameter_name = "picture"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, str(state.label)) for state in PictureState]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Chat]) -> QuerySet[Chat]:
        return in_state(queryset, self.value() or "") if self.value() else queryset


class NetworkFilter(DropdownFilter):
    """By the network that people know it by; only those that the user has chats on are offered."""

    title = "network"
    parameter_name = "network"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        networks = Chat.objects.visible_to(request.user).order_by("network").values_list("network", flat=True)
        return [(network, network) for network in networks.distinct()[:100]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Chat]) -> QuerySet[Chat]:
        return queryset.filter(network=self.value()) if self.value() else queryset


class LinkFilter(RadioFilter):
    title = "contact"
    parameter_name = "linked"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Linked"), ("no", "Not linked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Chat]) -> QuerySet[Chat]:
        return queryset.filter(contact__isnull=self.value() == "no") if self.value() else queryset


class ArchivedChatFilter(RadioFilter):
    """Chats that are archived at their source are left out unless somebody asks for them."""

    title = "archived"
    parameter_name = "archived"
    all_option = ("", "Both")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Active"), ("yes", "Archived")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Chat]) -> QuerySet[Chat]:
        return queryset.filter(is_archived=self.value() == "yes") if self.value() else queryset
