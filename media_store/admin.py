from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from config.jobs import controls
from config.jobs.models import JobAttempt
from config.owned_admin import ReadOnlyAdmin
from media_store import admin_check, admin_doctor, admin_statistics, photos, shared_admin
from media_store.admin_statistics import waiting_and_failed
from media_store.hosts import host_of
from media_store.models import PhotoJob

ATTEMPTS_SHOWN = 20


@admin.register(PhotoJob)
class PhotoJobAdmin(ReadOnlyAdmin):
    """Pictures on their way to us. Only stored pictures are shown: a remote address is text, never loaded."""

    list_display = ["thumbnail", "name", "badge", "host", "attempts", "next_attempt", "checked_at"]
    list_display_links = ["name"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("verdict", ChoicesDropdownFilter),
    ]
    sortable_by = ()
    ordering = ["-id"]
    list_before_template = "media_store/admin/photo_all.html"
    actions = ["retry", "refresh", "cancel"]
    fieldsets = [
        (None, {"fields": ["pictures", "badge", "source_address", "last_error"]}),
        ("Attempts", {"fields": ["attempts", "next_attempt", "history"]}),
        (
            "Details",
            {"fields": ["source_kind", "sha256", "etag", "last_modified", "checked_at", "queued_at", "finished_at"]},
        ),
    ]
    change_form_outer_before_template = "media_store/admin/photo_head.html"
    readonly_fields = ["pictures", "badge", "source_address", "history", "next_attempt"]

    def get_urls(self) -> list[URLPattern]:
        pages = {
            "check": admin_check.check_address,
            "statistics": admin_statistics.show_statistics,
            "doctor": admin_doctor.storage_doctor,
        }
        wrap = self.admin_site.admin_view
        own = [path(f"{name}/", wrap(view), name=f"media_store_{name}") for name, view in pages.items()]
        everything = path("all/", wrap(self.act_on_all), name="media_store_photojob_all")
        return [*own, everything, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        counts = waiting_and_failed(self.get_queryset(request), now=timezone.now())
        context = {**(extra_context or {}), **counts, "has_act_permission": self.has_act_permission(request)}
        page: HttpResponse = super().changelist_view(request, context)
        return page

    # --- Columns ------------------------------------------------------------------------------------------------------
    @display(description="")
    def thumbnail(self, job: PhotoJob) -> SafeString:
        return render_to_string("media_store/admin/stored_picture.html", {"job": job, "size": 36})

    @display(description="Photo")
    def name(self, job: PhotoJob) -> str:
        return str(job)

    @display(description="State")
    def badge(self, job: PhotoJob) -> SafeString:
        return render_to_string("media_store/admin/photo_state.html", {"job": job})

    @display(description="Host")
    def host(self, job: PhotoJob) -> str:
        return host_of(job.source_url) if job.source_url else "a stored file"

    @display(description="Next attempt")
    def next_attempt(self, job: PhotoJob) -> str:
        if job.state != PhotoJob.State.PENDING:
            return ""
        return f"{timezone.localtime(job.next_attempt_at):%Y-%m-%d %H:%M}"

    # --- The page of one photo ----------------------------------------------------------------------------------------
    @display(description="Pictures")
    def pictures(self, job: PhotoJob) -> SafeString:
        return render_to_string("media_store/admin/pictures.html", {"job": job})

    @display(description="Source")
    def source_address(self, job: PhotoJob) -> SafeString:
        return render_to_string("media_store/admin/source.html", {"job": job})

    @display(description="History")
    def history(self, job: PhotoJob) -> SafeString:
        attempts = JobAttempt.objects.filter(kind=job._meta.label_lower, job_id=job.pk).order_by("-id")[:ATTEMPTS_SHOWN]
        return render_to_string("media_store/admin/attempts.html", {"attempts": attempts})

    # --- Actions ------------------------------------------------------------------------------------------------------
    @admin.action(description="Retry what failed", permissions=["act"])
    def retry(self, request: HttpRequest, queryset: QuerySet[PhotoJob]) -> None:
        self._report(request, photos.enqueue_retry(queryset), "put back in the queue")

    @admin.action(description="Fetch again", permissions=["act"])
    def refresh(self, request: HttpRequest, queryset: QuerySet[PhotoJob]) -> None:
        self._report(request, photos.enqueue_refresh(queryset), "asked for again; the stored picture stays until then")

    @admin.action(description="Cancel", permissions=["act"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[PhotoJob]) -> None:
        self._report(request, controls.cancel(queryset), "cancelled")

    def act_on_all(self, request: HttpRequest) -> HttpResponse:
        """Retry all that failed in the last 24 hours, or cancel all that wait: a POST with `verb`, of one's own."""
        if not self.has_act_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        jobs = self.get_queryset(request)
        if request.POST.get("verb") == "retry":
            self._report(request, photos.enqueue_retry_recent(jobs, now=timezone.now()), "put back in the queue")
        elif request.POST.get("verb") == "cancel":
            self._report(request, photos.cancel_pending(jobs), "cancelled")
        return redirect("admin:media_store_photojob_changelist")

    def _report(self, request: HttpRequest, count: int, done: str) -> None:
        messages.success(request, f"{count} {'photo' if count == 1 else 'photos'} {done}.")

    def has_act_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("media_store.change_photojob"))


shared_admin.register(admin.site)
