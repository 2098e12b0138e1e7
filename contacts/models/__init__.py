from __future__ import annotations

from contacts.models.contact import (
    Contact,
    ContactAddress,
    ContactEmail,
    ContactLink,
    ContactPhone,
    ExternalIdentity,
    Tag,
)
from contacts.models.event import CommunicationEvent
from contacts.models.organization import Organization, UserProfile
from contacts.models.picture import ContactPicture

__all__ = [
    "CommunicationEvent",
    "Contact",
    "ContactAddress",
    "ContactEmail",
    "ContactLink",
    "ContactPhone",
    "ContactPicture",
    "ExternalIdentity",
    "Organization",
    "Tag",
    "UserProfile",
]
