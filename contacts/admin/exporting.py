"""The action "Export" on the list of contacts. Attach with `actions = [..., *EXPORT_ACTIONS]` in ContactAdmin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from config import audit
from contacts.acts import record_for_owners
from contacts.exporting.writing import Export, Form
from contacts.models import Contact

Action = Callable[[Any, HttpRequest, QuerySet[Contact]], StreamingHttpResponse]


@admin.action(description="Export as vCard (with pictures)", permissions=["view"])
def export_vcard(model_admin: Any, request: HttpRequest, queryset: QuerySet[Contact]) -> StreamingHttpResponse:
    return _download(queryset, "vcard-3.0")


@admin.action(description="Export as vCard 4.0 (with pictures)", permissions=["view"])
def export_vcard4(model_admin: Any, request: HttpRequest, queryset: QuerySet[Contact]) -> StreamingHttpResponse:
    return _download(queryset, "vcard-4.0")


@admin.action(description="Export as CSV (to import again)", permissions=["view"])
def export_csv(model_admin: Any, request: HttpRequest, queryset: QuerySet[Contact]) -> StreamingHttpResponse:
    return _download(queryset, "csv")


@admin.action(description="Export as CSV (for a spreadsheet)", permissions=["view"])
def export_spreadsheet(model_admin: Any, request: HttpRequest, queryset: QuerySet[Contact]) -> StreamingHttpResponse:
    return _download(queryset, "spreadsheet")


EXPORT_ACTIONS: list[Action] = [export_vcard, export_vcard4, export_csv, export_spreadsheet]


def _download(queryset: QuerySet[Contact], form: Form) -> StreamingHttpResponse:
    """Stream the chosen contacts; the list's own joins and prefetches are left behind."""
    chosen = Contact.objects.filter(pk__in=queryset.order_by().values("pk"))
    export = Export(chosen, form)
    record_for_owners(audit.Verb.EXPORTED, chosen)
    name = f"contacts-{timezone.localdate():%Y-%m-%d}.{export.suffix}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(iter(export), content_type=export.content_type, headers=headers)
