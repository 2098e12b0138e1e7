"""The page that says in numbers what an erasure takes, and asks. Attach `erase_chosen` as an action of ContactAdmin."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from contacts.erasing import erase_contacts, holdings, stored_files
from contacts.models import Contact

if TYPE_CHECKING:
    from contacts.admin.contact import ContactAdmin

MOST_AT_ONCE = 2_000
NAMES_SHOWN = 20


def erase_view(model_admin: ContactAdmin, request: HttpRequest, contact: Contact) -> HttpResponse:
    """Ask on GET, erase on POST."""
    back = reverse("admin:contacts_contact_change", args=[contact.pk])
    if request.method == "POST":
        return _erase(request, [contact.pk])
    return _ask(model_admin, request, {contact.pk: contact.display_name}, back=back)


@admin.action(description="Erase…", permissions=["delete"])
def erase_chosen(model_admin: ContactAdmin, request: HttpRequest, queryset: QuerySet[Contact]) -> HttpResponse | None:
    """Ask, then erase the chosen contacts, at most 2,000 at a time."""
    chosen = Contact.objects.filter(pk__in=queryset.order_by().values("pk")).order_by("sort_name", "pk")
    names = dict(chosen.values_list("pk", "display_name")[: MOST_AT_ONCE + 1])
    if len(names) > MOST_AT_ONCE:
        messages.error(request, f"At most {MOST_AT_ONCE:,} contacts can be erased at once. Choose fewer.")
        return None
    if request.POST.get("confirmed"):
        return _erase(request, list(names))
    fields = [(ACTION_CHECKBOX_NAME, value) for value in request.POST.getlist(ACTION_CHECKBOX_NAME)]
    fields += [("action", "erase_chosen"), ("select_across", request.POST.get("select_across", "0"))]
    fields += [("confirmed", "yes")]
    back = reverse("admin:contacts_contact_changelist")
    return _ask(model_admin, request, names, back=back, fields=fields)


def _ask(
    model_admin: ContactAdmin,
    request: HttpRequest,
    names: dict[UUID, str],
    *,
    back: str,
    fields: Collection[tuple[str, str]] = (),
) -> HttpResponse:
    shown = list(names.values())
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": f"Erase {shown[0]}" if len(shown) == 1 else f"Erase {len(shown):,} contacts",
        "number": len(shown),
        "names": shown[:NAMES_SHOWN],
        "more": max(0, len(shown) - NAMES_SHOWN),
        "holdings": sorted(holdings(list(names)).items()),
        "files": stored_files(list(names)),
        "fields": fields,
        "back": back,
    }
    return render(request, "contacts/admin/erase.html", context)


def _erase(request: HttpRequest, contact_ids: Collection[UUID]) -> HttpResponse:
    """Erase and go to the list. The message names nobody: it may wait in a session."""
    report = erase_contacts(contact_ids, now=timezone.now())
    rows, files = sum(report.rows.values()), report.freed.files
    word = "contact" if report.contacts == 1 else "contacts"
    messages.success(request, f"Erased for good: {report.contacts:,} {word}, {rows:,} rows and {files:,} files.")
    for problem in report.problems:
        messages.warning(request, problem)
    return HttpResponseRedirect(reverse("admin:contacts_contact_changelist"))
