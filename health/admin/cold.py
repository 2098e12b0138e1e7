"""The list of relationships that go cold, those that are longest overdue by their own rhythm first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from health import cold, messages

if TYPE_CHECKING:
    from health.admin.relationship import RelationshipHealthAdmin

PAGE = 25
TITLE = "Going cold"


def cold_view(model_admin: RelationshipHealthAdmin, request: HttpRequest) -> HttpResponse:
    """Show the owner's own list, page by page, each row with what can be done about it."""
    now = timezone.now()
    owner_id = request.user.pk or 0
    rows = cold.going_cold(owner_id=owner_id, now=now).select_related("contact__organization", "contact__keep_in_touch")
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    texts = messages.texts_of(owner_id)
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "model_admin": model_admin,
        "title": TITLE,
        "content_title": TITLE,
        "page": page,
        "rows": [{"health": row, "suggestion": messages.suggestion(row, texts)} for row in page],
        "may_act": request.user.has_perm("contacts.change_contact"),
        "now": now,
    }
    return render(request, "health/admin/cold.html", context)
