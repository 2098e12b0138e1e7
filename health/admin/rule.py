from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter

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
    list_display = ["name", "metric", "limit", "severity", "superseded_by", "enabled", "is_system"]
    list_select_related = ["superseded_by"]
    list_filter = [("metric", ChoicesDropdownFilter), "enabled"]
    sortable_by = ()
    fields = ["name", "metric", "limit", "severity", "superseded_by", "enabled"]
    actions = ["switch_on", "switch_off"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj is not None and obj.is_system)

    def get_actions(self, request: HttpRequest) -> Any:
        """Without the bulk deletion, which would not look at the single rules."""
        return {name: found for name, found in super().get_actions(request).items() if name != "delete_selected"}

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[AlertRule]) -> None:
        queryset.update(enabled=True)

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[AlertRule]) -> None:
        queryset.update(enabled=False)
