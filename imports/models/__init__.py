from __future__ import annotations

from imports.models.account import ProviderAccount
from imports.models.job import ImportJob
from imports.models.made import MadeByImport
from imports.models.preset import MappingPreset
from imports.models.revocation import Revocation
from imports.models.row import ImportRow
from imports.models.sync import SyncRun

__all__ = ["ImportJob", "ImportRow", "MadeByImport", "MappingPreset", "ProviderAccount", "Revocation", "SyncRun"]
