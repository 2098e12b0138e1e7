"""Columns and filters that the lists of relationships and of deals share."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from config.owned_admin import OwnedChangeList, ReadOnlyAdmin
from health import charts
from health.panels import subject_of


class TrendChangeList(OwnedChangeList):
    """Brings the history of the rows on the page by one query for each kind of subject."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        today = timezone.localdate()
        # The score that held when the line begins may be older than the line.
        since = today - timedelta(days=charts.HISTORY_DAYS)
        subjects = {row: subject_of(row) for row in self.result_list}
        for kind in sorted({kind for kind, _ in subjects.values()}):
            found = charts.histories(kind, [key for other, key in subjects.values() if other == kind], since=since)
            for row, (other, key) in subjects.items():
                if other == kind:
                    row.trend_line = charts.draw(
                        found.get(key, []), today=today, days=charts.SPARK_DAYS, width=96, height=24
                    )


class ScoreAdmin(ReadOnlyAdmin):
    """What both lists have in common."""

    actions = None
    sortable_by = ["shown_score", "silent"]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[TrendChangeList]:
        return TrendChangeList

    @display(description="State")
    def badge(self, row: Any) -> SafeString:
        context = {"status": row.status, "label": row.get_status_display()}
        return render_to_string("health/admin/badge.html", context)

    @display(description="Score", ordering="score")
    def shown_score(self, row: Any) -> str:
        return "-" if row.score is None else str(row.score)

    @display(description="90 days")
    def trend(self, row: Any) -> SafeString:
        return render_to_string("health/admin/spark.html", {"line": row.trend_line})

    @display(description="Risk")
    def risk(self, row: Any) -> str:
        return str(row.get_risk_level_display())

    @display(description="Coverage")
    def covered(self, row: Any) -> str:
        return f"{row.known_factors} of {row.possible_factors}"


class CoverageFilter(DropdownFilter):
    """By how many of the possible signals have facts."""

    title = "coverage"
    parameter_name = "coverage"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("thin", "One or two signals"), ("good", "Three signals or more"), ("none", "None")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = {"thin": Q(known_factors__in=[1, 2]), "good": Q(known_factors__gte=3), "none": Q(known_factors=0)}
        return queryset.filter(chosen[self.value()]) if self.value() in chosen else queryset


class SilenceFilter(DropdownFilter):
    """By `days_since_contact`, a column of relationships and an annotation of deals."""

    title = "days since contact"
    parameter_name = "silent"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("7", "7 or more"), ("14", "14 or more"), ("30", "30 or more"), ("90", "90 or more")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        days = self.value() or ""
        return queryset.filter(days_since_contact__gte=int(days)) if days in ("7", "14", "30", "90") else queryset
