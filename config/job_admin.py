"""Admins of what people do not edit but act on: jobs, and rows with a page of their own."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from config.jobs import controls
from config.jobs.models import LeasedJob
from config.owned_admin import ReadOnlyAdmin


class ActingAdmin(ReadOnlyAdmin):
    """Rows on which people act: whoever has the right to change them may, though no form does."""

    def has_act_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}"))

    def require_act(self, request: HttpRequest) -> None:
        if not self.has_act_permission(request):
            raise PermissionDenied

    def page_context(self, request: HttpRequest, *, title: str, original: Model | None = None) -> dict[str, Any]:
        """Return what every page of the admin needs; `original` is the row that the page is about.

        A page that is about none stands under the list by its title.
        """
        place: dict[str, Any] = {"model_admin": self, "content_title": title}
        if original is not None:
            place = {"opts": self.opts, "original": original}
        return {**self.admin_site.each_context(request), **place, "title": title}

    def to_page(self, row: Model) -> HttpResponse:
        return HttpResponseRedirect(reverse(f"admin:{self._address('change')}", args=[row.pk]))

    def to_list(self) -> HttpResponse:
        return HttpResponseRedirect(reverse(f"admin:{self._address('changelist')}"))

    def _address(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"


class ButtonsAdmin(ActingAdmin):
    """Rows with a page whose buttons post a `verb` to the address `…_act` beside it."""

    def get_urls(self) -> list[URLPattern]:
        act = self.admin_site.admin_view(require_POST(self.act))
        return [path("<path:object_id>/act", act, name=self._address("act")), *super().get_urls()]

    def act(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.get_owned_or_404(request, object_id)
        self.require_act(request)
        try:
            return self.do(request, row, request.POST.get("verb", "")) or self.to_page(row)
        except self.model.DoesNotExist:
            raise Http404 from None  # it has gone in the meantime, by a button in another window

    def do(self, request: HttpRequest, row: Any, verb: str) -> HttpResponse | None:
        """Do what the button `verb` says, or tell why not; without an answer it is back to the row's page."""
        raise NotImplementedError


class JobAdmin(ActingAdmin):
    """Leased jobs: a list with their states, where they are retried and cancelled."""

    list_filter: Any = [("state", ChoicesDropdownFilter)]
    sortable_by = ()
    ordering = ["-id"]
    actions = ["retry", "cancel"]

    @display(description="State")
    def badge(self, job: LeasedJob) -> SafeString:
        return render_to_string("kith/job_state.html", {"job": job})

    @admin.action(description="Retry", permissions=["act"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        messages.success(request, f"Put back in the queue: {controls.retry(queryset)}.")

    @admin.action(description="Cancel", permissions=["act"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        messages.success(request, f"Cancelled: {controls.cancel(queryset)}.")
