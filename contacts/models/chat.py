from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from contacts.identifiers import uuid7
from contacts.models.contact import Contact
from contacts.models.owned import OwnedModel
from media_store.models import PhotoJob


class Matched(models.TextChoices):
    """How a contact was found for a chat or for somebody in it."""

    NOT = "", "Not linked"
    IDENTITY = "identity", "By identity at the source"
    PHONE = "phone", "By phone number"
    EMAIL = "email", "By e-mail address"
    HAND = "hand", "By hand"
    NOBODY = "nobody", "Nobody, by hand"


class Chat(OwnedModel):
    """One conversation as a messenger shows it: its state there, who it is with, and which picture stands for it.

    `account_key` and `external_id` say whose chat it is at the source. A chat that is `merged_into` another is a part
    of that one and shown nowhere by itself; its messages count for the whole.
    """

    class Kind(models.TextChoices):
        SINGLE = "single", "One person"
        GROUP = "group", "Group"

    class Shown(models.TextChoices):
        AUTOMATIC = "", "The first there is"
        CHAT = "chat", "The chat's own picture"
        CONTACT = "contact", "The contact's picture"
        INITIALS = "initials", "Initials"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    network = models.CharField(max_length=60, help_text="As people call it: WhatsApp, Signal, …")
    account_key = models.UUIDField(help_text="The account at the source that the chat was read from.")
    bridge = models.CharField(max_length=255, blank=True, default="", help_text="The account on the network itself.")
    external_id = models.CharField(max_length=255)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    title = models.CharField(max_length=300, blank=True, default="")
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True, blank=True, related_name="chats")
    matched_by = models.CharField(max_length=8, choices=Matched.choices, blank=True, default=Matched.NOT)
    merged_into = models.CharField(max_length=255, blank=True, default="", help_text="external_id of the whole.")
    people = models.PositiveIntegerField(default=0, help_text="How many others are in it, at the source.")
    last_activity = models.DateTimeField(null=True, blank=True)
    unread = models.PositiveIntegerField(default=0)
    is_archived = models.BooleanField(default=False)
    is_muted = models.BooleanField(default=False)
    is_pinned = models.BooleanField(default=False)
    picture_url = models.TextField(blank=True, default="", help_text="Where the source says that the picture is.")
    photo_job = models.OneToOneField(PhotoJob, models.SET_NULL, null=True, blank=True, related_name="chat")
    shown = models.CharField("picture shown", max_length=8, choices=Shown.choices, blank=True, default=Shown.AUTOMATIC)
    is_picture_blocked = models.BooleanField("block the chat's own picture", default=False)
    is_contact_picture_blocked = models.BooleanField("block the contact's picture", default=False)
    read_activity = models.DateTimeField(null=True, editable=False, help_text="`last_activity` of the last reading.")
    read_until = models.DateTimeField(null=True, editable=False, help_text="Of the newest message that was read.")
    seen_at = models.DateTimeField(db_default=Now(), editable=False, help_text="When the source last named it.")
    gone_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="No longer at the source since.")

    class Meta:
        ordering = ["-last_activity", "id"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "account_key", "external_id"], name="chat_once"),
        ]
        indexes = [
            # The list, page by page.
            models.Index(
                fields=["owner", "-last_activity", "id"],
                name="chat_recent",
                condition=models.Q(merged_into=""),
            ),
            # What has messages to be read.
            models.Index(fields=["account_key", "-last_activity"], name="chat_account"),
        ]

    def __str__(self) -> str:
        return self.title or f"Chat on {self.network}"


class ChatParticipant(OwnedModel):
    """Somebody else in a chat; `phone` is in E.164 form and `email` normalised: the keys that find the contact."""

    chat = models.ForeignKey(Chat, models.CASCADE, related_name="participants", db_index=False)
    external_id = models.CharField(max_length=255)
    name = models.CharField(max_length=300, blank=True, default="")
    username = models.CharField(max_length=255, blank=True, default="")
    phone = models.CharField(max_length=20, blank=True, default="", db_collation="C")
    email = models.CharField(max_length=320, blank=True, default="", db_collation="C")
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True, blank=True, related_name="chat_participants")
    matched_by = models.CharField(max_length=8, choices=Matched.choices, blank=True, default=Matched.NOT)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["chat", "external_id"], name="chatparticipant_once")]
        indexes = [models.Index(fields=["owner"], name="chatparticipant_owner")]

    def __str__(self) -> str:
        return self.name or self.username or self.phone or self.email or "Somebody"


class ChatAttachment(OwnedModel):
    """A file of a message, which stays at the source: `/attachments/<id>` asks there by `source_url` alone."""

    class Kind(models.TextChoices):
        IMAGE = "img", "Picture"
        VIDEO = "video", "Film"
        AUDIO = "audio", "Sound"
        OTHER = "unknown", "File"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    chat = models.ForeignKey(Chat, models.CASCADE, related_name="attachments", db_index=False)
    message_id = models.CharField(max_length=255)
    position = models.PositiveSmallIntegerField(default=0)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.OTHER)
    file_name = models.CharField(max_length=255, blank=True, default="")
    content_type = models.CharField(max_length=100, blank=True, default="")
    size = models.PositiveBigIntegerField(null=True, blank=True)
    source_url = models.TextField()
    sent_at = models.DateTimeField()
    is_outbound = models.BooleanField(default=False)

    class Meta:
        ordering = ["-sent_at", "position"]
        constraints = [
            models.UniqueConstraint(fields=["chat", "message_id", "position"], name="chatattachment_once"),
        ]
        indexes = [
            models.Index(fields=["chat", "-sent_at"], name="chatattachment_recent"),
            models.Index(fields=["owner"], name="chatattachment_owner"),
        ]

    def __str__(self) -> str:
        return self.file_name or self.get_kind_display()


class ChatPictureCount(OwnedModel):
    """How the pictures of one network were asked for on one day (UTC): found in the cache, not found, fetched again."""

    network = models.CharField(max_length=60)
    day = models.DateField()
    hits = models.PositiveIntegerField(default=0, db_default=0)
    misses = models.PositiveIntegerField(default=0, db_default=0)
    refetches = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "network", "day"], name="chatpicturecount_once")]

    def __str__(self) -> str:
        return f"{self.network} on {self.day}"
