from __future__ import annotations

from imports.models.job import ImportJob
from imports.models.made import MadeByImport
from imports.models.preset import MappingPreset
from imports.models.row import ImportRow

__all__ = ["ImportJob", "ImportRow", "MadeByImport", "MappingPreset"]
