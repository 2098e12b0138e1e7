from __future__ import annotations

from health.admin.alert import AlertAdmin
from health.admin.deal import DealHealthAdmin
from health.admin.profile import HealthProfileAdmin
from health.admin.relationship import RelationshipHealthAdmin
from health.admin.reminder import MessageTemplateAdmin, ReminderAdmin
from health.admin.rule import AlertRuleAdmin
from health.admin.run import HealthRunAdmin

__all__ = [
    "AlertAdmin",
    "AlertRuleAdmin",
    "DealHealthAdmin",
    "HealthProfileAdmin",
    "HealthRunAdmin",
    "MessageTemplateAdmin",
    "RelationshipHealthAdmin",
    "ReminderAdmin",
]
