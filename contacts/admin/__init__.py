from __future__ import annotations

from contacts.admin.chat import ChatAdmin
from contacts.admin.contact import ContactAdmin
from contacts.admin.deal import DealAdmin, DealStageAdmin
from contacts.admin.duplicate import DuplicateSuggestionAdmin
from contacts.admin.merge_record import MergeRecordAdmin
from contacts.admin.organization import OrganizationAdmin, TagAdmin
from contacts.admin.profile import UserProfileAdmin

__all__ = [
    "ChatAdmin",
    "ContactAdmin",
    "DealAdmin",
    "DealStageAdmin",
    "DuplicateSuggestionAdmin",
    "MergeRecordAdmin",
    "OrganizationAdmin",
    "TagAdmin",
    "UserProfileAdmin",
]
