"""The page beside the list of photos that tries an address. For `get_urls`, wrapped by `admin_view`."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone

from media_store.checking import check_url
from media_store.fetching import MAX_URL
from media_store.hosts import why_not_now


class AddressForm(forms.Form):
    # Not a URLField: what it would refuse is exactly what people want explained.
    url = forms.CharField(
        label="Web address", max_length=MAX_URL, widget=forms.TextInput({"class": "kith-input kith-whole"})
    )


def check_address(request: HttpRequest) -> TemplateResponse:
    """Show what would happen to an address, step by step; a POST, as it goes out to the network."""
    if not request.user.has_perm("media_store.change_photojob"):
        raise PermissionDenied
    form = AddressForm(request.POST or None)
    found: dict[str, object] = {}
    if request.method == "POST" and form.is_valid():
        url = form.cleaned_data["url"]
        found = {"report": check_url(url), "why_not_now": why_not_now(url, now=timezone.now())}
    page = {**admin.site.each_context(request), "title": "Check an address", "form": form, **found}
    return TemplateResponse(request, "media_store/admin/check.html", page)
