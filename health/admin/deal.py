from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import IntegerField, QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display

from contacts.models import DealStage
from health.admin.columns import CoverageFilter, ScoreAdmin, SilenceFilter
from health.models import DealHealth


class StageFilter(DropdownFilter):
    title = "stage"
    parameter_name = "stage"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        open_stages = DealStage.objects.filter(outcome=DealStage.Outcome.OPEN)
        return [(str(pk), name) for pk, name in open_stages.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        stage = self.value() or ""
        return queryset.filter(deal__stage_id=int(stage)) if stage.isascii() and stage.isdigit() else queryset


@admin.register(DealHealth)
class DealHealthAdmin(ScoreAdmin):
    """How every open deal is; a row opens the deal."""

    list_display = ["who", "stage", "badge", "shown_score", "trend", "risk", "covered", "silent", "days"]
    list_display_links = ["who"]
    list_select_related = ["deal__stage"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("risk_level", ChoicesDropdownFilter),
        StageFilter,
        CoverageFilter,
        SilenceFilter,
    ]
    ordering = ["score", "pk"]
    search_fields = ["deal__name__istartswith"]
    search_help_text = "Name of the deal"
    empty_text = "Every open deal gets a score within 15 minutes, or by Refreshes, Refresh now."

    def get_queryset(self, request: HttpRequest) -> QuerySet[DealHealth]:
        silent = Cast(KT("facts__days_since_activity"), IntegerField())
        deals: QuerySet[DealHealth] = super().get_queryset(request).annotate(days_since_contact=silent)
        return deals

    @display(description="Deal")
    def who(self, row: DealHealth) -> str:
        return str(row.deal)

    @display(description="Stage")
    def stage(self, row: DealHealth) -> str:
        return str(row.deal.stage)

    @display(description="Days silent", ordering="days_since_contact")
    def silent(self, row: Any) -> str:
        return "" if row.days_since_contact is None else str(row.days_since_contact)

    @display(description="Days in stage")
    def days(self, row: DealHealth) -> str:
        return str(row.facts.get("days_in_stage", ""))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        health: DealHealth = self.get_owned_or_404(request, object_id)
        return HttpResponseRedirect(reverse("admin:contacts_deal_change", args=[health.deal_id]))
