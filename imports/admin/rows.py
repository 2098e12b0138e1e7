"""The preview table: look at every row, select what is to be imported, and decide otherwise than the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from imports import deciding, lifecycle
from imports.admin.preview import PreviewFilter, count_by_reason, count_undone, page_of, read_filter
from imports.models import ImportJob

if TYPE_CHECKING:
    from imports.admin.job import ImportJobAdmin

ROWS_MAX = 1_000
DECIDABLE = (ImportJob.State.READY, ImportJob.State.COMPLETED)


def rows_view(model_admin: ImportJobAdmin, request: HttpRequest, job: ImportJob) -> HttpResponse:
    """Show one page of rows; a POST selects or decides on those of that page, or on all that the filter finds."""
    if request.method == "POST":
        model_admin.require_act(request)
        return _save_selection(request, job)
    chosen = read_filter(request.GET)
    rows, next_after = page_of(job, chosen)
    groups = [(group, chosen.is_of(group)) for group in (*count_by_reason(job), *count_undone(job))]
    context = {
        **model_admin.page_context(request, title=f"Rows of {job}", original=job),
        "job": job,
        "rows": rows,
        "chosen": chosen,
        "query": _query(chosen),
        "first_query": _query(chosen, after=0),
        "next_query": _query(chosen, after=next_after) if next_after else "",
        "groups": groups,
        "shown": next((group for group, is_shown in groups if is_shown), None),
        "has_decidable": any(row.is_decidable for row in rows),
        "selected_count": job.rows.filter(selected=True, decision__in=["create", "update"]).count(),
        "is_deciding": job.state in DECIDABLE and not job.held_reason and model_admin.has_act_permission(request),
        "is_choosing": job.state == ImportJob.State.READY and model_admin.has_act_permission(request),
    }
    return render(request, "imports/admin/rows.html", context)


def _save_selection(request: HttpRequest, job: ImportJob) -> HttpResponse:
    chosen = read_filter(request.POST)
    scope = request.POST.get("scope", "page")
    try:
        if request.POST.get("how"):
            return _decide(request, job, chosen, is_for_all="listed" in request.POST)
        if scope in ("all", "none"):
            count = lifecycle.select_where(job, scope == "all", decision=chosen.decision, reason=chosen.reason)
            messages.success(request, f"{count} rows {'selected' if scope == 'all' else 'deselected'}.")
        else:
            _save_page(request, job)
    except lifecycle.NotAllowed as refusal:
        messages.error(request, str(refusal))
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204)
    return _back(job, _query(chosen))


def _save_page(request: HttpRequest, job: ImportJob) -> None:
    shown = _ids(request.POST.getlist("shown"))
    selected = _ids(request.POST.getlist("selected")) & shown
    lifecycle.select_rows(job, selected, is_selected=True)
    lifecycle.select_rows(job, shown - selected, is_selected=False)


def _decide(request: HttpRequest, job: ImportJob, chosen: PreviewFilter, *, is_for_all: bool) -> HttpResponse:
    """Import the ticked rows, or all that are listed, after all: as contacts of their own, or into whom they match."""
    how = deciding.How.MERGE if request.POST["how"] == deciding.How.MERGE else deciding.How.CREATE
    if is_for_all:
        count = deciding.decide_where(job, how, decision=chosen.decision, reason=chosen.reason)
    else:
        count = deciding.decide_rows(job, _ids(request.POST.getlist("decided")), how)
    if count:
        messages.success(request, f"{count} {'row' if count == 1 else 'rows'} will be imported.")
    else:
        messages.warning(request, "None of these rows can be imported that way: they match nobody, or none was ticked.")
    return _back(job, "" if is_for_all and count else _query(chosen))


def _back(job: ImportJob, query: str) -> HttpResponse:
    url = reverse("admin:imports_importjob_rows", args=[job.pk])
    return HttpResponseRedirect(f"{url}?{query}" if query else url)


def _ids(values: list[str]) -> set[int]:
    return {int(value) for value in values[:ROWS_MAX] if value.isascii() and value.isdigit() and len(value) < 19}


def _query(chosen: PreviewFilter, *, after: int | None = None) -> str:
    after = chosen.after if after is None else after
    undo = {"undo": chosen.undo, "undo_reason": chosen.undo_reason} if chosen.undo else {}
    return urlencode({"decision": chosen.decision, "reason": chosen.reason, **undo, "after": after})
