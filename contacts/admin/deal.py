from __future__ import annotations

from collections import defaultdict
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Count, ExpressionWrapper, F, OuterRef, QuerySet, Subquery, fields
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from config.owned_admin import OwnedAdmin, OwnedAutocompleteFilter, OwnedForm, ReadOnlyInline, SharedFields
from contacts import news
from contacts.deals import move_deal, record_opening
from contacts.models import Deal, DealStage, DealStay
from contacts.registries import panels_for
from contacts.text import clean_line


class DealForm(OwnedForm):
    def clean_name(self) -> str:
        return clean_line(self.cleaned_data["name"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        for name in ("one_off_amount", "monthly_amount"):
            if (cleaned.get(name) or 0) < 0:
                self.add_error(name, "An amount cannot be negative.")
        return cleaned


class StayInline(ReadOnlyInline):
    """Which stages the deal has been in, and for how long."""

    model = DealStay
    owner_lookup = "deal__owner"
    fields = ["stage", "entered_at", "left_at", "days"]
    readonly_fields = ["stage", "entered_at", "left_at", "days"]
    ordering = ["-entered_at"]
    verbose_name_plural = "Stages"

    def get_queryset(self, request: HttpRequest) -> QuerySet[DealStay]:
        return super().get_queryset(request).select_related("stage")

    @display(description="Days")
    def days(self, stay: DealStay) -> int:
        return max(0, ((stay.left_at or timezone.now()) - stay.entered_at).days)


@admin.register(Deal)
class DealAdmin(OwnedAdmin):
    """What the owner hopes to sell; a change of stage is recorded with its time."""

    form = DealForm
    list_display = ["name", "stage", "value", "contact_count", "days_in_stage", "expected_close", "status"]
    list_select_related = ["stage"]
    sortable_by = ["name", "value", "expected_close"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("stage__outcome", ChoicesDropdownFilter),
        "stage",
        ("contacts", OwnedAutocompleteFilter),
    ]
    search_fields = ["name__istartswith"]
    search_help_text = "Name"
    autocomplete_fields = ["contacts"]
    fieldsets = [
        (None, {"fields": ["name", ("stage", "status"), "contacts"]}),
        ("Value", {"fields": [("one_off_amount", "monthly_amount"), "expected_close"]}),
    ]
    inlines = [StayInline]
    change_form_outer_before_template = "contacts/admin/deal_head.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Deal]:
        links: QuerySet[Any] = Deal.contacts.through.objects.filter(deal=OuterRef("pk")).order_by().values("deal")
        counts: QuerySet[Any] = links.annotate(n=Count("pk"))
        counted = Coalesce(Subquery(counts.values("n")), 0)
        yearly = ExpressionWrapper(
            F("one_off_amount") + 12 * F("monthly_amount"), fields.DecimalField(max_digits=16, decimal_places=2)
        )
        deals: QuerySet[Deal] = super().get_queryset(request)
        return deals.annotate(contact_number=counted, yearly_value=yearly)

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> QuerySet[Any]:
        """Stages are everybody's, contacts are the owner's."""
        if db_field.name == "stage":
            return DealStage.objects.all()
        return super().get_field_queryset(db, db_field, request)

    @display(description="Value of a year", ordering="yearly_value")
    def value(self, deal: Any) -> str:
        return f"{deal.yearly_value:,.2f}"

    @display(description="Contacts")
    def contact_count(self, deal: Any) -> int:
        return int(deal.contact_number)

    @display(description="Days in the stage")
    def days_in_stage(self, deal: Deal) -> int:
        return max(0, (timezone.now() - (deal.stage_changed_at or deal.created_at)).days)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        deal = self.get_object(request, object_id)
        if deal is not None and request.method == "GET":
            extra_context = {**(extra_context or {}), "panels": panels_for(deal, request)}
        page: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return page

    def save_model(self, request: HttpRequest, obj: Deal, form: Any, change: Any) -> None:
        """Enter the stage by the domain's own way, which notes when."""
        now = timezone.now()
        if not change:
            obj.stage_changed_at = now
            super().save_model(request, obj, form, change)
            record_opening(obj, now=now)
            return
        chosen = obj.stage
        if "stage" in form.changed_data:
            obj.stage_id = form.initial["stage"]
        super().save_model(request, obj, form, change)
        move_deal(obj, stage=chosen, now=now)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        super().save_related(request, form, formsets, change)
        deal: Deal = form.instance
        contact_ids = list(deal.contacts.values_list("pk", flat=True))
        if contact_ids:
            news.tell(deal.owner_id, contact_ids)
        else:
            news.tell_of_deals(deal.owner_id)

    def delete_model(self, request: HttpRequest, obj: Deal) -> None:
        self.delete_queryset(request, Deal.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Deal]) -> None:
        """Delete deals and let the scores of their contacts follow."""
        about: defaultdict[int, set[UUID]] = defaultdict(set)
        links = Deal.contacts.through.objects.filter(deal__in=queryset)
        for owner_id, contact_id in links.values_list("deal__owner_id", "contact_id"):
            about[owner_id].add(contact_id)
        super().delete_queryset(request, queryset)
        for owner_id, contact_ids in about.items():
            news.tell(owner_id, contact_ids)


@admin.register(DealStage)
class DealStageAdmin(SharedFields, OwnedAdmin):
    """The steps of the sales process, for all users; one that deals are or were in cannot be deleted."""

    list_display = ["name", "position", "outcome", "deal_count"]
    search_fields = ["name__istartswith"]
    search_help_text = "Name"
    sortable_by = ()
    fields = ["name", "position", "outcome"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[DealStage]:
        mine = Deal.objects.visible_to(request.user).filter(stage=OuterRef("pk")).order_by().values("stage")
        counted = Coalesce(Subquery(mine.annotate(n=Count("pk")).values("n")), 0)
        stages: QuerySet[DealStage] = super().get_queryset(request)
        return stages.annotate(deal_number=counted)

    @display(description="Deals")
    def deal_count(self, stage: Any) -> int:
        return int(stage.deal_number)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_in_use = obj is not None and (obj.deals.exists() or obj.stays.exists())
        return super().has_delete_permission(request, obj) and not is_in_use
