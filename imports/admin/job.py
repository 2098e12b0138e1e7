from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from config.job_admin import ButtonsAdmin, JobAdmin
from imports import lifecycle
from imports.admin.mapping import mapping_view
from imports.admin.preview import count_by_reason, count_undone
from imports.admin.progress import is_final, percent, progress_context
from imports.admin.rows import rows_view
from imports.admin.upload import upload_view
from imports.export import failed_rows_answer
from imports.models import ImportJob
from imports.sources import ADDRESS_BOOKS

VERBS: dict[str, tuple[Callable[[ImportJob], Any], str]] = {
    "confirm": (lifecycle.confirm, "Confirmed: exactly the rows of the preview are imported now."),
    "cancel": (lifecycle.cancel, "Cancelled. What was already imported stays."),
    "pause": (lifecycle.pause, "Paused."),
    "resume": (lifecycle.resume, "Resumed."),
    "undo": (lifecycle.undo, "What this import wrote is being taken back, where nobody has changed it since."),
    "retry": (lifecycle.retry, "Trying again from where it stopped."),
}
STOP_POLLING = 286


@admin.register(ImportJob)
class ImportJobAdmin(ButtonsAdmin, JobAdmin):
    list_display = ["title", "provider", "badge", "bar", "counts", "queued_at"]
    list_display_links = ["title"]
    list_filter = [("state", ChoicesDropdownFilter), ("provider", ChoicesDropdownFilter)]
    search_fields = ["upload_name__istartswith"]
    search_help_text = "File name"
    actions_list = ["upload"]

    # --- Columns ------------------------------------------------------------------------------------------------------
    @display(description="Import")
    def title(self, job: ImportJob) -> str:
        return str(job)

    @display(description="Progress")
    def bar(self, job: ImportJob) -> SafeString:
        return render_to_string("imports/admin/bar.html", {"percent": percent(job)})

    @display(description="Outcome")
    def counts(self, job: ImportJob) -> SafeString:
        return render_to_string("imports/admin/counts.html", {"job": job})

    # --- Pages --------------------------------------------------------------------------------------------------------
    @action(
        description="Import a file",
        url_path="upload",
        icon="upload_file",
        permissions=["upload"],
        variant=ActionVariant.PRIMARY,
    )
    def upload(self, request: HttpRequest) -> HttpResponse:
        return upload_view(self, request)

    def get_urls(self) -> list[URLPattern]:
        pages: dict[str, Callable[..., HttpResponseBase]] = {
            "progress": self.progress,
            "rows": self.rows,
            "mapping": self.mapping,
            "failed.csv": self.failed_csv,
        }
        own = [
            path(
                f"<path:object_id>/{name}",
                self.admin_site.admin_view(view),
                name=f"imports_importjob_{name.partition('.')[0]}",
            )
            for name, view in pages.items()
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        job = self.get_owned_or_404(request, object_id)
        context = {
            **self.page_context(request, title=str(job), original=job),
            "job": job,
            **progress_context(job),
            "may_act": self.has_act_permission(request),
            "undone": count_undone(job),
            "reasons": count_by_reason(job) if job.state != ImportJob.State.PENDING else [],
            "must_map": job.held_reason == "needs_mapping",
            "can_map": bool(job.mapping) and lifecycle.can_be_mapped(job),
            "is_of_account": not job.upload and job.provider in ADDRESS_BOOKS,
            "owner": job.owner if request.user.is_superuser else None,
        }
        return TemplateResponse(request, "imports/admin/job.html", context)

    def progress(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The part of the job's page that moves; status 286 tells htmx to stop asking."""
        job = self.get_owned_or_404(request, object_id)
        status = STOP_POLLING if is_final(job) else 200
        context = {**progress_context(job), "job": job}
        return HttpResponse(render_to_string("imports/admin/progress.html", context, request), status=status)

    def rows(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return rows_view(self, request, self.get_owned_or_404(request, object_id))

    def mapping(self, request: HttpRequest, object_id: str) -> HttpResponse:
        job = self.get_owned_or_404(request, object_id)
        self.require_act(request)
        return mapping_view(self, request, job)

    def failed_csv(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        return failed_rows_answer(self.get_owned_or_404(request, object_id))

    def do(self, request: HttpRequest, job: ImportJob, verb: str) -> None:
        act, done = VERBS.get(verb, (None, ""))
        try:
            if act is not None:
                act(job)
                messages.success(request, done)
        except lifecycle.NotAllowed as refusal:
            messages.error(request, str(refusal))

    # --- Actions ------------------------------------------------------------------------------------------------------
    @admin.action(description="Retry", permissions=["act"])
    def retry(self, request: HttpRequest, queryset: Any) -> None:
        self._each(request, queryset, lifecycle.retry, "put back in the queue")

    @admin.action(description="Cancel", permissions=["act"])
    def cancel(self, request: HttpRequest, queryset: Any) -> None:
        self._each(request, queryset, lifecycle.cancel, "cancelled")

    def _each(self, request: HttpRequest, jobs: Any, verb: Callable[[ImportJob], Any], done: str) -> None:
        count = 0
        for job in jobs:
            try:
                verb(job)
                count += 1
            except lifecycle.NotAllowed as refusal:
                messages.warning(request, f"{job}: {refusal}")
        if count:
            messages.success(request, f"{count} {'import' if count == 1 else 'imports'} {done}.")

    def has_upload_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("imports.add_importjob"))
