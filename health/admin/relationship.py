from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RadioFilter
from unfold.decorators import action, display

from health.admin.acts import act_view
from health.admin.cold import cold_view
from health.admin.columns import CoverageFilter, ScoreAdmin, SilenceFilter
from health.models import RelationshipHealth
from health.panels import explained

MEMBERS_SHOWN = 50


class SubjectFilter(RadioFilter):
    title = "of"
    parameter_name = "of"
    all_option = ("", "People")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("organizations", "Organizations"), ("all", "Both")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[RelationshipHealth]) -> QuerySet[RelationshipHealth]:
        if self.value() == "all":
            return queryset
        return queryset.filter(contact__isnull=self.value() == "organizations")


@admin.register(RelationshipHealth)
class RelationshipHealthAdmin(ScoreAdmin):
    """How every relationship is; the score of a person opens their page, that of an organization its own."""

    list_display = ["who", "badge", "shown_score", "trend", "risk", "covered", "silent", "to_do"]
    list_display_links = ["who"]
    list_select_related = ["contact", "organization"]
    list_filter = [
        SubjectFilter,
        ("status", ChoicesDropdownFilter),
        ("risk_level", ChoicesDropdownFilter),
        CoverageFilter,
        SilenceFilter,
    ]
    ordering = ["score", "pk"]
    search_fields = ["contact__sort_name"]  # shows the box; `get_search_results` does the searching
    search_help_text = "Name of a person or organization"
    actions_list = ["going_cold"]
    empty_text = "Contacts get a score each morning, with what you record about them, or by Refreshes, Refresh now."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[RelationshipHealth], search_term: str
    ) -> tuple[QuerySet[RelationshipHealth], bool]:
        word = search_term.strip()
        if not word:
            return queryset, False
        people = Q(contact__sort_name__contains=word.casefold())
        return queryset.filter(people | Q(organization__name__icontains=word)), False

    # --- Columns ------------------------------------------------------------------------------------------------------
    @display(description="Name")
    def who(self, row: RelationshipHealth) -> str:
        return str(row.contact or row.organization)

    @display(description="Days silent", ordering="days_since_contact")
    def silent(self, row: RelationshipHealth) -> str:
        return "" if row.days_since_contact is None else str(row.days_since_contact)

    @display(description="What to do")
    def to_do(self, row: RelationshipHealth) -> str:
        return str(row.get_action_display()) if row.action != RelationshipHealth.Action.MONITOR else ""

    # --- Pages --------------------------------------------------------------------------------------------------------
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        health: RelationshipHealth = self.get_owned_or_404(request, object_id)
        if health.contact_id:
            return HttpResponseRedirect(reverse("admin:contacts_contact_change", args=[health.contact_id]))
        members = RelationshipHealth.objects.filter(
            contact__organization=health.organization, contact__archived_at=None, owner_id=health.owner_id
        )
        context = {
            **self.admin_site.each_context(request),
            "model_admin": self,
            "title": str(health.organization),
            "content_title": str(health.organization),
            "score": explained(health),
            "organization": health.organization,
            "members": members.select_related("contact").order_by("-touches", "pk")[:MEMBERS_SHOWN],
        }
        return render(request, "health/admin/organization.html", context)

    @action(description="Going cold", url_path="cold", icon="ac_unit", permissions=["view"])
    def going_cold(self, request: HttpRequest) -> HttpResponse:
        return cold_view(self, request)

    def get_urls(self) -> list[URLPattern]:
        act = self.admin_site.admin_view(act_view)
        return [path("act/<contact_id>/", act, name="health_relationshiphealth_act"), *super().get_urls()]
