from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from config.job_admin import JobAdmin
from config.jobs import controls
from config.jobs.models import Priority
from health import wording
from health.models import HealthRun
from health.refreshing import request_run


@admin.register(HealthRun)
class HealthRunAdmin(JobAdmin):
    """Refreshes with their totals and errors. A run for everybody is a superuser's to see, one's own is one's own."""

    list_display = ["name", "badge", "asked_by", "relationships", "deals", "users", "trouble", "asked_at", "took"]
    list_display_links = ["name"]
    actions_list = ["refresh"]
    empty_text = "Scores are refreshed every morning and when something new is recorded."
    fieldsets = [
        (None, {"fields": ["badge", "asked_by", "whose", "profile_name", "as_of"]}),
        ("Totals", {"fields": ["relationships", "deals", "users", "error_list"]}),
        ("Work", {"fields": ["queued_at", "started_at", "finished_at", "attempts", "crashes", "last_error"]}),
    ]
    readonly_fields = [
        "badge",
        "asked_by",
        "whose",
        "profile_name",
        "as_of",
        "relationships",
        "deals",
        "users",
        "error_list",
    ]

    @display(description="Run")
    def name(self, run: HealthRun) -> str:
        return str(run)

    @display(description="Relationships")
    def relationships(self, run: HealthRun) -> int:
        return run.relationships_refreshed

    @display(description="Deals")
    def deals(self, run: HealthRun) -> int:
        return run.deals_refreshed

    @display(description="Users")
    def users(self, run: HealthRun) -> int:
        return run.users_processed

    @display(description="Asked for by")
    def asked_by(self, run: HealthRun) -> str:
        return wording.TRIGGERS.get(run.triggered_by, run.triggered_by)

    @display(description="Asked at")
    def asked_at(self, run: HealthRun) -> str:
        return f"{timezone.localtime(run.queued_at):%Y-%m-%d %H:%M}"

    @display(description="Took")
    def took(self, run: HealthRun) -> str:
        if not run.started_at or not run.finished_at:
            return ""
        return f"{(run.finished_at - run.started_at).total_seconds():,.1f} s"

    @display(description="Whose scores")
    def whose(self, run: HealthRun) -> str:
        if run.owner:
            few = f", {len(run.only)} of their contacts" if run.only else ""
            return f"{run.owner}{few}"
        return "All users" if run.is_for_everyone else "All users who were here lately"

    @display(description="Profile")
    def profile_name(self, run: HealthRun) -> str:
        return run.profile.capitalize() or "The active one"

    @display(description="Errors")
    def trouble(self, run: HealthRun) -> str:
        if run.last_error or not run.errors:
            return run.last_error
        return f"{len(run.errors)} {'user' if len(run.errors) == 1 else 'users'}"

    @display(description="Errors by user")
    def error_list(self, run: HealthRun) -> str:
        names = dict(User.objects.filter(pk__in=[error["owner"] for error in run.errors]).values_list("pk", "username"))
        found = [f"{names.get(error['owner'], error['owner'])}: {error['error']}" for error in run.errors]
        return " ".join(found) or "None"

    @admin.action(description="Retry what failed", permissions=["act"])
    def retry(self, request: HttpRequest, queryset: QuerySet[HealthRun]) -> None:
        """Do failed runs again, and the users who met an error in runs that ended."""
        again = [
            request_run(
                owner_id=error["owner"],
                profile=run.profile,
                max_age_hours=run.max_age_hours,
                triggered_by="person",
                priority=Priority.PERSON,
            )
            for run in queryset.filter(state=HealthRun.State.COMPLETED)
            for error in run.errors
        ]
        count = controls.retry(queryset) + len(again)
        if count:
            messages.success(request, f"Put back in the queue: {count}.")
        else:
            messages.warning(request, "Nothing changed: none of these failed.")

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
            title = "Refresh now"
            named = {"model_admin": self, "title": title, "content_title": title}
            context = {**self.admin_site.each_context(request), **named}
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
        messages.success(request, "The refresh is on its way; reload the page to see how far it is.")
        return HttpResponseRedirect(reverse("admin:health_healthrun_changelist"))

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("health.add_healthrun"))
