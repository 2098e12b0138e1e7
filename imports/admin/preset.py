from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from unfold.decorators import display

from config.owned_admin import OwnedAdmin
from imports.models import MappingPreset
from imports.readers.csv import MAPPABLE_FIELDS


@admin.register(MappingPreset)
class MappingPresetAdmin(OwnedAdmin):
    """Presets come from mapping a file; here they are looked at, renamed and forgotten."""

    list_display = ["name", "number_of_columns", "used_at"]
    search_fields = ["name__istartswith"]
    ordering = ["name"]
    fields = ["name", "columns", "used_at"]
    readonly_fields = ["columns", "used_at"]

    @display(description="Columns")
    def number_of_columns(self, preset: MappingPreset) -> int:
        return sum(field != "ignore" for field in preset.mapping.values())

    @display(description="Columns")
    def columns(self, preset: MappingPreset) -> SafeString:
        lines = [(title, MAPPABLE_FIELDS.get(field, "Left out")) for title, field in preset.mapping.items()]
        return render_to_string("imports/admin/columns.html", {"lines": lines})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
