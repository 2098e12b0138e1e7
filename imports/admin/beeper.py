"""The page on which a person connects their own Beeper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from imports.beeper.connecting import BEEPER, CannotConnect, connect
from imports.beeper.connection import AddressRefused, Connection
from imports.models import ProviderAccount

if TYPE_CHECKING:
    from imports.admin.sync import SyncRunAdmin

LONGEST = 2_000


class BeeperForm(forms.Form):
    base_url = forms.CharField(
        label="Address of Beeper Desktop", max_length=255, widget=UnfoldAdminTextInputWidget(attrs={"type": "url"})
    )
    access_token = forms.CharField(
        label="Access token",
        max_length=LONGEST,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text="From Beeper's settings, under Developers. It is kept encrypted and shown to nobody.",
    )
    media_server = forms.CharField(
        label="Address of a media server",
        max_length=LONGEST,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "url"}),
        help_text="Leave it empty where Beeper itself serves its files.",
    )
    media_token = forms.CharField(
        label="Token of the media server",
        max_length=LONGEST,
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
    )

    def as_connection(self) -> Connection:
        found: dict[str, Any] = {name: str(value).strip() for name, value in self.cleaned_data.items()}
        return Connection(
            found["base_url"].rstrip("/"),
            found["access_token"],
            found["media_server"].rstrip("/"),
            found["media_token"],
        )


def connect_beeper_view(model_admin: SyncRunAdmin, request: HttpRequest) -> HttpResponse:
    """Connect the person's own Beeper after it has accepted the token, or say why not."""
    form = BeeperForm(request.POST or None, initial={"base_url": settings.BEEPER_BASE_URL})
    if request.method == "POST" and form.is_valid():
        try:
            account = connect(int(request.user.pk or 0), form.as_connection(), now=timezone.now())
        except (CannotConnect, AddressRefused) as problem:
            form.add_error(None, str(problem))
        else:
            networks = ", ".join(account.cursors["networks"]) or "no network yet"
            messages.success(request, f"Connected: {networks}. Chats are read every 15 minutes, or now.")
            return model_admin.to_list()
    accounts = ProviderAccount.objects.filter(provider=BEEPER, owner_id=request.user.pk)
    context = {
        **model_admin.page_context(request, title="Connect Beeper"),
        "form": form,
        "accounts": accounts.defer("sealed_tokens"),
    }
    return render(request, "imports/admin/beeper.html", context)
