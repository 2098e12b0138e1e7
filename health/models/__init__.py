from __future__ import annotations

from health.models.alert import Alert, AlertRule
from health.models.history import BandChange, HealthSnapshot
from health.models.message import MessageTemplate
from health.models.profile import HealthProfile, StageLimits
from health.models.reminder import KeepInTouch, Reminder
from health.models.run import HealthRun
from health.models.score import DealHealth, RelationshipHealth
from health.models.signal import Signal

__all__ = [
    "Alert",
    "AlertRule",
    "BandChange",
    "DealHealth",
    "HealthProfile",
    "HealthRun",
    "HealthSnapshot",
    "KeepInTouch",
    "MessageTemplate",
    "RelationshipHealth",
    "Reminder",
    "Signal",
    "StageLimits",
]
