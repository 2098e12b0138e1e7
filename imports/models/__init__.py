from __future__ import annotations

from imports.models.job import ImportJob
from imports.models.row import ImportRow

__all__ = ["ImportJob", "ImportRow"]
