from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from config.jobs import controls
from config.jobs.models import Priority
from config.owned_admin import ReadOnlyAdmin
from health.models import HealthRun
from health.refreshing import request_run


@admin.register(HealthRun)
class HealthRunAdmin(ReadOnlyAdmin):
    """Refreshes with their totals and errors. A run for everybody is a superuser's to see, one's own is one's own."""

    list_display = [
        "name",
        "badge",
        "triggered_by",
        "relationships",
        "deals",
        "users_processed",
        "trouble",
        "queued_at",
    ]
    list_display_links = ["name"]
    list_filter = [("state", ChoicesDropdownFilter)]
    sortable_by = ()
    actions = ["retry", "cancel"]
    actions_list = ["refresh"]
    fieldsets = [
        (None, {"fields": ["badge", "triggered_by", "as_of", "profile", "max_age_hours", "is_for_everyone"]}),
        ("Totals", {"fields": ["relationships_refreshed", "deals_refreshed", "users_processed", "error_list"]}),
        ("Work", {"fields": ["attempts", "crashes", "queued_at", "started_at", "finished_at", "last_error"]}),
    ]
    readonly_fields = ["badge", "as_of", "error_list"]

    @display(description="Run")
    def name(self, run: HealthRun) -> str:
        return str(run)

    @display(description="State")
    def badge(self, run: HealthRun) -> SafeString:
        return render_to_string("kith/job_state.html", {"job": run})

    @display(description="Relationships")
    def relationships(self, run: HealthRun) -> int:
        return run.relationships_refreshed

    @display(description="Deals")
    def deals(self, run: HealthRun) -> int:
        return run.deals_refreshed

    @display(description="Errors")
    def trouble(self, run: HealthRun) -> str:
        return run.last_error or (f"{len(run.errors)} users" if run.errors else "")

    @display(description="Errors by user")
    def error_list(self, run: HealthRun) -> str:
        return "; ".join(f"User {error['owner']}: {error['error']}" for error in run.errors) or "None"

    @admin.action(description="Retry what failed", permissions=["act"])
    def retry(self, request: HttpRequest, queryset: QuerySet[HealthRun]) -> None:
        messages.success(request, f"{controls.retry(queryset)} put back in the queue.")

    @admin.action(description="Cancel", permissions=["act"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[HealthRun]) -> None:
        messages.success(request, f"{controls.cancel(queryset)} cancelled.")

    @action(
        description="Refresh now",
        url_path="refresh",
        icon="refresh",
        permissions=["act"],
        variant=ActionVariant.PRIMARY,
    )
    def refresh(self, request: HttpRequest) -> HttpResponse:
        """Ask before anything is done: a link alone must not start work."""
        if request.method != "POST":
            context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "Refresh now"}
            return render(request, "health/admin/refresh.html", context)
        may_choose = request.user.is_superuser
        whose = request.POST.get("whose", "") if may_choose else ""
        is_all = request.POST.get("all") == "on"
        request_run(
            owner_id=None if whose == "everybody" else request.user.pk,
            max_age_hours=0 if is_all else 24,
            triggered_by="person",
            priority=Priority.PERSON,
        )
        messages.success(request, "The refresh is on its way.")
        return HttpResponseRedirect(reverse("admin:health_healthrun_changelist"))

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("health.add_healthrun"))
