"""Two pages beside the list of photos: try an address, and the numbers. For `get_urls`, wrapped by `admin_view`."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone

from media_store.checking import check_url
from media_store.fetching import MAX_URL
from media_store.models import PhotoJob
from media_store.statistics import photo_statistics


class AddressForm(forms.Form):
    # Not a URLField: what it would refuse is exactly what people want explained.
    url = forms.CharField(label="Web address", max_length=MAX_URL)


def check_address(request: HttpRequest) -> TemplateResponse:
    """Show what would happen to an address, step by step; a POST, as it goes out to the network."""
    if not request.user.has_perm("media_store.change_photojob"):
        raise PermissionDenied
    form = AddressForm(request.POST or None)
    report = check_url(form.cleaned_data["url"]) if request.method == "POST" and form.is_valid() else None
    return _page(request, "media_store/admin/check.html", title="Check an address", form=form, report=report)


def show_statistics(request: HttpRequest) -> TemplateResponse:
    """Show the numbers of `photo_stats`, for superusers of everybody's photos, else of one's own."""
    if not request.user.has_perm("media_store.view_photojob"):
        raise PermissionDenied
    jobs = PhotoJob.objects.all()
    if not request.user.is_superuser:
        jobs = jobs.filter(owner_id=request.user.pk)
    statistics = photo_statistics(jobs, now=timezone.now())
    return _page(request, "media_store/admin/statistics.html", title="Photo statistics", statistics=statistics)


def _page(request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context})
