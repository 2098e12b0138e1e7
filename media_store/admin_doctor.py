"""The doctor as an admin page: what it finds without reading contents, and how much is stored where."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from media_store.collecting import Busy
from media_store.doctor import Finding, examine
from media_store.mending import mend
from media_store.usage import CONTENTS, bytes_by_tier, coverage, look_up

TITLE = "Storage doctor"
MAX_FINDINGS = 200


@require_http_methods(["GET", "HEAD", "POST"])
def storage_doctor(request: HttpRequest) -> HttpResponse:
    """Show the findings to superusers; a POST mends them first. For `get_urls`, wrapped by `admin_view`.

    Compares sizes only, at most 200 findings at a time: whole contents are read by the command.
    """
    if not request.user.is_superuser:
        raise PermissionDenied
    if request.method == "POST":
        _mend(request)
        return redirect(request.path)
    address = request.GET.get("file", "")
    findings, tiers = _findings(request), bytes_by_tier()
    shown: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": TITLE,
        "findings": findings,
        "kinds": _kinds(findings),
        "max_findings": MAX_FINDINGS,
        "amounts": _amounts(tiers),
        "stored": [
            {"tier": tier, "kind": kind, **amount}
            for tier, kinds in tiers.items()
            for kind, amount in kinds.items()
            if kind != CONTENTS
        ],
        "coverage": coverage(),
        "address": address,
        "found": look_up(address) if address else None,
    }
    return TemplateResponse(request, "media_store/admin/storage_doctor.html", shown)


def _kinds(findings: list[Finding]) -> list[dict[str, Any]]:
    """Return how many findings of each kind there are, losses first."""
    counts = Counter(finding.kind for finding in findings)
    kinds = sorted(counts, key=lambda kind: (not kind.is_loss, -counts[kind]))
    return [{"label": kind.label.lower(), "is_loss": kind.is_loss, "count": counts[kind]} for kind in kinds]


def _amounts(tiers: dict[str, dict[str, dict[str, int]]]) -> list[dict[str, Any]]:
    """Return what really takes room: the contents in the database, each once, and the files outside."""
    outside = tiers["files"].values()
    return [
        {"label": "In the database", **tiers["database"][CONTENTS]},
        {
            "label": "In the files tier",
            "files": sum(amount["files"] for amount in outside),
            "bytes": sum(amount["bytes"] for amount in outside),
        },
    ]


def _findings(request: HttpRequest) -> list[Finding]:
    try:
        found = list(islice(examine(now=timezone.now(), is_quick=True), MAX_FINDINGS))
    except OSError as error:
        messages.error(request, str(error))
        return []
    return found


def _mend(request: HttpRequest) -> None:
    now, done = timezone.now(), Counter[str]()
    try:
        for finding in islice(examine(now=now, is_quick=True), MAX_FINDINGS):
            done[mend(finding, now=now).done or "left as they are"] += 1
    except (Busy, OSError) as problem:
        messages.error(request, str(problem))
    messages.success(request, ", ".join(f"{count} {what}" for what, count in done.items()) or "Nothing was wrong.")
