from __future__ import annotations

from contacts.models.chat import Chat, ChatAttachment, ChatParticipant, ChatPictureCount
from contacts.models.contact import (
    Contact,
    ContactAddress,
    ContactEmail,
    ContactLink,
    ContactPhone,
    ExternalIdentity,
    Tag,
)
from contacts.models.deal import Deal, DealStage, DealStay
from contacts.models.duplicate import DuplicateScan, DuplicateSuggestion, MergeRecord
from contacts.models.event import CommunicationEvent
from contacts.models.hand_edit import HandEdit
from contacts.models.organization import Organization, UserProfile
from contacts.models.picture import ContactPicture

__all__ = [
    "Chat",
    "ChatAttachment",
    "ChatParticipant",
    "ChatPictureCount",
    "CommunicationEvent",
    "Contact",
    "ContactAddress",
    "ContactEmail",
    "ContactLink",
    "ContactPhone",
    "ContactPicture",
    "Deal",
    "DealStage",
    "DealStay",
    "DuplicateScan",
    "DuplicateSuggestion",
    "ExternalIdentity",
    "HandEdit",
    "MergeRecord",
    "Organization",
    "Tag",
    "UserProfile",
]
