from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from config.owned_admin import OwnedAdmin, OwnedForm, SharedFields
from health.models import AlertRule


class AlertRuleForm(OwnedForm):
    def clean(self) -> dict[str, Any]:
        """A rule may not supersede itself, neither at once nor in a circle."""
        cleaned = super().clean()
        above = cleaned.get("superseded_by")
        while above is not None:
            if above.pk == self.instance.pk:
                self.add_error("superseded_by", ValidationError("These rules would silence each other."))
                break
            above = above.superseded_by
        return cleaned


@admin.register(AlertRule)
class AlertRuleAdmin(SharedFields, OwnedAdmin):
    """When to raise an alert, for all users. Kith's own rules can be changed and switched off, but not deleted."""

    form = AlertRuleForm
    list_display = ["name", "holds_when", "grade", "superseded_by", "is_on", "comes_with_kith"]
    list_select_related = ["superseded_by"]
    list_filter = [("metric", ChoicesDropdownFilter), "enabled"]
    sortable_by = ()
    fields = ["name", "metric", "limit", "severity", "superseded_by", "enabled"]
    actions = ["switch_on", "switch_off"]

    @display(description="Holds when")
    def holds_when(self, rule: AlertRule) -> str:
        if rule.metric == AlertRule.Metric.ENTERED_GHOST:
            return str(rule.get_metric_display())
        return f"{rule.get_metric_display()} {rule.limit.normalize():f}"

    @display(description="Severity")
    def grade(self, rule: AlertRule) -> SafeString:
        context = {"status": rule.severity, "label": rule.get_severity_display()}
        return render_to_string("health/admin/badge.html", context)

    @display(description="On", boolean=True)
    def is_on(self, rule: AlertRule) -> bool:
        return rule.enabled

    @display(description="Comes with Kith", boolean=True)
    def comes_with_kith(self, rule: AlertRule) -> bool:
        return rule.is_system

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj is not None and obj.is_system)

    def get_actions(self, request: HttpRequest) -> Any:
        """Without the bulk deletion, which would not look at the single rules."""
        return {name: found for name, found in super().get_actions(request).items() if name != "delete_selected"}

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[AlertRule]) -> None:
        self._switch(request, queryset, is_on=True)

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[AlertRule]) -> None:
        self._switch(request, queryset, is_on=False)

    def _switch(self, request: HttpRequest, rules: QuerySet[AlertRule], *, is_on: bool) -> None:
        count = rules.exclude(enabled=is_on).update(enabled=is_on)
        named = f"{count} {'rule' if count == 1 else 'rules'} switched {'on' if is_on else 'off'}"
        messages.success(request, f"{named}; scores follow with their next refresh.")
