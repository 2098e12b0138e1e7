from __future__ import annotations

from django.contrib import admin
from unfold.decorators import display

from config.job_admin import JobAdmin
from imports.models import Revocation


@admin.register(Revocation)
class RevocationAdmin(JobAdmin):
    """Permissions that are taken back at their providers since an account was disconnected, or its user deleted."""

    list_display = ["name", "badge", "attempts", "last_error", "queued_at", "finished_at"]
    list_display_links = ["name"]
    fields = ["name", "badge", "attempts", "next_attempt_at", "last_error", "queued_at", "finished_at"]
    readonly_fields = ["name", "badge"]
    owner_lookup = "owner_id"

    @display(description="Account")
    def name(self, revocation: Revocation) -> str:
        return str(revocation)
