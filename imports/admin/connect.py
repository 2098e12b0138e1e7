"""The page from which an account is connected, or that says what has to be set up before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from imports.accounts.providers import PROVIDERS, Feature, OAuthProvider
from imports.admin.account_forms import ImportForm

if TYPE_CHECKING:
    from imports.admin.account import ProviderAccountAdmin


def connect_view(model_admin: ProviderAccountAdmin, request: HttpRequest) -> HttpResponse:
    """Show a card for each provider."""
    context = {
        **model_admin.page_context(request, title="Connect an account"),
        "cards": [_card(provider) for provider in PROVIDERS.values()],
        "import_form": ImportForm(auto_id=False),
    }
    return render(request, "imports/admin/connect.html", context)


def _card(provider: OAuthProvider) -> dict[str, Any]:
    return {
        "provider": provider,
        "missing": provider.missing_settings,
        "has_other_contacts": Feature.OTHER_CONTACTS in provider.scopes,
    }
