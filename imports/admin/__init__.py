from __future__ import annotations

from imports.admin.account import ProviderAccountAdmin
from imports.admin.job import ImportJobAdmin
from imports.admin.preset import MappingPresetAdmin
from imports.admin.revocation import RevocationAdmin
from imports.admin.sync import SyncRunAdmin

__all__ = ["ImportJobAdmin", "MappingPresetAdmin", "ProviderAccountAdmin", "RevocationAdmin", "SyncRunAdmin"]
