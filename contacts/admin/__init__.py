from __future__ import annotations

from contacts.admin.contact import ContactAdmin
from contacts.admin.organization import OrganizationAdmin, TagAdmin
from contacts.admin.profile import UserProfileAdmin

__all__ = ["ContactAdmin", "OrganizationAdmin", "TagAdmin", "UserProfileAdmin"]
