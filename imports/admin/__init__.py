from __future__ import annotations

from imports.admin.job import ImportJobAdmin

__all__ = ["ImportJobAdmin"]
