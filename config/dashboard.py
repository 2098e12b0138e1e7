"""The home page: how much there is, what is running, what waits for a person."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from config.first_steps import first_steps
from config.owned_admin import COUNTED_AT_MOST
from contacts.models import CommunicationEvent, Contact, Organization
from health import home
from imports.accounts.providers import PROVIDERS
from imports.models import ImportJob, ProviderAccount, Revocation
from media_store.models import PhotoJob

RECENT = 5

IMPORT_RUNNING = ("pending", "fetching", "fetched", "planning", "confirmed", "importing")
PHOTO_WAITING = (PhotoJob.State.PENDING, PhotoJob.State.DOWNLOADING)


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Fill Unfold's home page with what the signed-in person may see."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 (admin_view lets nobody else in)
    imports = (
        ImportJob.objects.visible_to(user) if user.has_perm("imports.view_importjob") else ImportJob.objects.none()
    )
    context["counts"] = counts(user)
    context["running"] = imports.filter(state__in=IMPORT_RUNNING, held_reason="")[:RECENT]
    context["to_do"] = things_to_do(user, imports)
    context["recent"] = recent_events(user)
    if user.has_perm("health.view_relationshiphealth"):
        context["health"] = home.summary(owner_id=user.pk, now=timezone.now())
    return context


def counts(user: User) -> list[dict[str, Any]]:
    """Return title, number (text), link and tone of each figure that `user` may see."""
    photos = PhotoJob.objects.visible_to(user)
    figures: list[tuple[str, QuerySet[Any], str, str, str]] = [
        ("Contacts", Contact.objects.visible_to(user), "contacts.contact", "", ""),
        ("Organizations", Organization.objects.visible_to(user), "contacts.organization", "", ""),
        ("Photos stored", photos.filter(state=PhotoJob.State.COMPLETED), "media_store.photojob", "completed", ""),
        ("Photos waiting", photos.filter(state__in=PHOTO_WAITING), "media_store.photojob", "pending", ""),
        ("Photos failed", photos.filter(state=PhotoJob.State.FAILED), "media_store.photojob", "failed", "bad"),
    ]
    return [_figure(*figure) for figure in figures if user.has_perm(figure[2].replace(".", ".view_"))]


def _figure(title: str, rows: QuerySet[Any], model: str, state: str, tone: str) -> dict[str, Any]:
    count = rows.order_by()[: COUNTED_AT_MOST + 1].count()
    url = reverse(f"admin:{model.replace('.', '_')}_changelist")
    return {
        "title": title,
        "number": f"{COUNTED_AT_MOST:,}+" if count > COUNTED_AT_MOST else f"{count:,}",
        "url": f"{url}?state__exact={state}" if state else url,
        "tone": tone if count else "",
    }


def things_to_do(user: User, imports: QuerySet[ImportJob]) -> list[dict[str, str]]:
    """Return title, note and link of what cannot go on without a person."""
    accounts = ProviderAccount.objects.visible_to(user).filter(state=ProviderAccount.State.NEEDS_RECONNECT)
    broken = accounts[:RECENT] if user.has_perm("imports.view_provideraccount") else []
    waiting = imports.filter(state=ImportJob.State.READY)[:RECENT]
    unmapped = imports.filter(held_reason="needs_mapping")[:RECENT]
    failed = imports.filter(state=ImportJob.State.FAILED)[:RECENT]
    things = [
        *(_reconnect(account) for account in broken),
        *(_not_revoked(revocation) for revocation in _failed_revocations(user)),
        *(_thing(job, "Look at the preview and confirm.") for job in waiting),
        *(_thing(job, "Say what the columns mean.") for job in unmapped),
        *(_thing(job, job.last_error or "Failed.") for job in failed),
    ]
    if not things and not Contact.objects.visible_to(user).exists():
        return first_steps(user)
    return things


def _reconnect(account: ProviderAccount) -> dict[str, str]:
    page = reverse("admin:imports_provideraccount_change", args=[account.pk])
    return {"title": f"{account} must be reconnected", "note": account.last_error, "url": page}


def _failed_revocations(user: User) -> QuerySet[Revocation]:
    if not user.has_perm("imports.view_revocation"):
        return Revocation.objects.none()
    return Revocation.objects.visible_to(user).filter(state=Revocation.State.FAILED)[:RECENT]


def _not_revoked(revocation: Revocation) -> dict[str, str]:
    page = f"{reverse('admin:imports_revocation_changelist')}?state__exact=failed"
    note = f"{revocation.last_error} Retry it, or take it back at {PROVIDERS[revocation.provider].permissions_page}"
    return {"title": f"The access to {revocation} could not be given back", "note": note, "url": page}


def _thing(job: ImportJob, note: str) -> dict[str, str]:
    return {"title": str(job), "note": note, "url": reverse("admin:imports_importjob_change", args=[job.pk])}


def recent_events(user: User) -> QuerySet[CommunicationEvent]:
    if not user.has_perm("contacts.view_contact"):
        return CommunicationEvent.objects.none()
    return CommunicationEvent.objects.visible_to(user).select_related("contact")[:RECENT]
