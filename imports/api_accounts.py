"""The part of the HTTP API that a browser goes through to connect an account."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from ninja import Query, Router, Schema
from ninja.errors import AuthenticationError
from pydantic import Field

from imports.accounts import importing, signing_in
from imports.accounts.providers import LABELS, PROVIDERS, Feature, OAuthProvider
from imports.lifecycle import AlreadyOpen, NotAllowed
from imports.models import ImportJob, ProviderAccount

router = Router(tags=["accounts"])

ProviderName = Literal["google", "microsoft"]


class Problem(Schema):
    error: str
    code: str


class ProviderSetUp(Schema):
    provider: str
    label: str
    is_configured: bool
    missing_settings: list[str] = Field(description="What the operator has to set before accounts can be connected.")
    redirect_uri: str = Field(description="The redirect address to enter in the provider's console.")
    connected_accounts: int = Field(description="Yours that work.")


class ImportHealth(Schema):
    providers: list[ProviderSetUp]


class StartOptions(Schema):
    account: UUID | None = Field(None, description="Sign in to this account again; without it any account will do.")
    feature: list[Feature] = Field([Feature.CONTACTS], description="What the provider has to allow.")
    then: Literal["import", "account"] = Field("import", description="Import its contacts, or only connect it.")
    has_preview: bool = True
    on_conflict: ImportJob.OnConflict = ImportJob.OnConflict.FILL_BLANKS


class CallbackAnswer(Schema):
    state: str = Field("", max_length=500)
    code: str = Field("", max_length=5_000)
    error: str = Field("", max_length=500)


@router.get("health", response=ImportHealth)
def health(request: HttpRequest) -> dict[str, Any]:
    """Say which providers are set up here, and what is missing for the others."""
    mine = ProviderAccount.objects.filter(owner_id=request.user.pk, state=ProviderAccount.State.CONNECTED)
    connected = list(mine.values_list("provider", flat=True))
    return {"providers": [_set_up(provider, connected.count(provider.name)) for provider in PROVIDERS.values()]}


@router.get(
    "{provider}/start",
    auth=None,
    url_name="account_start",
    response={302: None, 401: Problem, 404: Problem, 409: Problem, 422: Problem},
)
def start(request: HttpRequest, provider: ProviderName, options: Query[StartOptions]) -> HttpResponseBase:
    """Send the browser to the provider's consent page; 409 when the provider is not set up here."""
    person = _signed_in(request)
    if person is None:
        return redirect_to_login(request.get_full_path())
    account = _own_account(person, provider, options.account) if options.account else None
    intent = signing_in.Intent(
        features=tuple(options.feature),
        account_id=str(account.pk) if account else "",
        is_import=options.then == "import",
        has_preview=options.has_preview,
        on_conflict=options.on_conflict,
    )
    url = signing_in.begin(request.session, person, PROVIDERS[provider], intent, now=timezone.now(), account=account)
    return _redirect(url)


@router.get(
    "{provider}/callback",
    auth=None,
    url_name="account_callback",
    response={302: None, 401: Problem, 422: Problem},
)
def callback(request: HttpRequest, provider: ProviderName, answer: Query[CallbackAnswer]) -> HttpResponseBase:
    """Take the browser back from the provider; it goes on to the page of the import or of the account.

    What went wrong is said in a message on the page of the accounts.
    """
    person = _signed_in(request)
    if person is None:
        messages.error(request, "Your session has ended meanwhile. Sign in and connect the account again.")
        return redirect_to_login(reverse("admin:imports_provideraccount_changelist"))
    try:
        found = signing_in.finish(request.session, person, PROVIDERS[provider], answer.model_dump(), now=timezone.now())
    except signing_in.SignInRefused as refusal:
        messages.error(request, str(refusal))
        return _redirect(reverse("admin:imports_provideraccount_changelist"))
    return _redirect(_next_page(request, found))


def _next_page(request: HttpRequest, found: signing_in.SignedIn) -> str:
    account, intent = found.account, found.intent
    if found.missing:
        names = " and ".join(LABELS[feature] for feature in found.missing)
        messages.warning(request, f"Connected, but without permission to read {names}.")
    if not intent.is_import:
        messages.success(request, f"{account} is connected.")
        return reverse("admin:imports_provideraccount_change", args=[account.pk])
    try:
        job = importing.start_import(account, has_preview=intent.has_preview, on_conflict=intent.on_conflict)
    except AlreadyOpen as refusal:
        messages.warning(request, str(refusal))
        job = refusal.job
    except NotAllowed as refusal:
        messages.error(request, str(refusal))
        return reverse("admin:imports_provideraccount_change", args=[account.pk])
    return reverse("admin:imports_importjob_change", args=[job.pk])


def _signed_in(request: HttpRequest) -> AbstractBaseUser | None:
    """Return who is signed in; None for a browser, which is sent to the login, and an error for a program."""
    if isinstance(request.user, AbstractBaseUser):
        return request.user
    if "text/html" in request.headers.get("Accept", ""):
        return None
    raise AuthenticationError


def _own_account(person: AbstractBaseUser, provider: str, account_id: UUID) -> ProviderAccount:
    """Return the person's own account: not even a superuser signs in for somebody else."""
    account: ProviderAccount = get_object_or_404(ProviderAccount, pk=account_id, provider=provider, owner_id=person.pk)
    return account


def _redirect(url: str) -> HttpResponse:
    response = HttpResponseRedirect(url)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _set_up(provider: OAuthProvider, connected: int) -> dict[str, Any]:
    return {
        "provider": provider.name,
        "label": provider.label,
        "is_configured": provider.is_configured,
        "missing_settings": provider.missing_settings,
        "redirect_uri": provider.redirect_uri,
        "connected_accounts": connected,
    }
