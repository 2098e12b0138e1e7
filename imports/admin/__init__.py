from __future__ import annotations

from imports.admin.job import ImportJobAdmin
from imports.admin.preset import MappingPresetAdmin

__all__ = ["ImportJobAdmin", "MappingPresetAdmin"]
