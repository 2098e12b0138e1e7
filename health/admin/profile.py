from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from unfold.decorators import display

from config.jobs.models import Priority
from config.owned_admin import ReadOnlyAdmin, SharedFields
from health import profiles, whatif
from health.admin.profile_form import ProfileForm
from health.models import HealthProfile
from health.refreshing import FACTS_ONLY_HOURS, request_run


@admin.register(HealthProfile)
class HealthProfileAdmin(SharedFields, ReadOnlyAdmin):
    """How scores are computed. Everybody may try out other weights; a superuser may save them, as a new version."""

    list_display = ["title", "version", "active"]
    list_display_links = ["title"]
    sortable_by = ()
    actions = None

    @display(description="Profile")
    def title(self, profile: HealthProfile) -> str:
        return str(profile.get_name_display())

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        profile: HealthProfile = self.get_owned_or_404(request, object_id)
        verb = request.POST.get("verb", "")
        if verb in ("save", "activate") and not self.has_save_permission(request):
            raise PermissionDenied
        if verb == "activate":
            profiles.activate(profile)
            return self._saved(request, f"Scores are now computed by the profile {profile.get_name_display()}.")
        form = ProfileForm(profile, request.POST if verb else None)
        if verb == "save" and form.is_valid():
            proposal = form.proposal()
            profile = profiles.revise(
                profile, weights=proposal.weights, thresholds=proposal.thresholds, limits=dict(proposal.limits)
            )
            return self._saved(request, f"Saved as version {profile.version}.")
        return render(request, "health/admin/profile.html", self._context(request, profile, form))

    def has_save_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("health.change_healthprofile"))

    def _saved(self, request: HttpRequest, what: str) -> HttpResponse:
        request_run(max_age_hours=FACTS_ONLY_HOURS, triggered_by="person", priority=Priority.PERSON)
        messages.success(request, f"{what} The scores of everybody who was here lately are being refreshed.")
        return HttpResponseRedirect(request.path)

    def _context(self, request: HttpRequest, profile: HealthProfile, form: ProfileForm) -> dict[str, Any]:
        user = request.user
        assert isinstance(user, User)  # noqa: S101 (admin_view lets nobody else in)
        is_tried = form.is_bound and form.is_valid()
        title = f"{profile.get_name_display()}, version {profile.version}"
        return {
            **self.admin_site.each_context(request),
            "model_admin": self,
            "title": title,
            "content_title": title,
            "profile": profile,
            "form": form,
            "may_save": self.has_save_permission(request),
            "outcomes": whatif.try_out(profile, form.proposal(), user=user) if is_tried else [],
        }
