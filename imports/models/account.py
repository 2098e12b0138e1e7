from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.db import models
from django.db.models.functions import Now

from contacts.identifiers import uuid7
from contacts.models.owned import OwnedModel
from imports.encryption import Sealed, SealedField, seal, unseal


class ProviderAccount(OwnedModel):
    """One account of the owner at a provider: where contacts, mail, meetings or chats come from.

    connected -> needs_reconnect   the provider refuses our grant; jobs of the account are held
    needs_reconnect -> connected   by signing in again
    any -> disconnected            by a person: the grant is revoked and the tokens are gone
    """

    class Provider(models.TextChoices):
        GOOGLE = "google", "Google"
        MICROSOFT = "microsoft", "Microsoft"
        BEEPER = "beeper", "Beeper"
        IMAP = "imap", "Mail server (IMAP)"

    class State(models.TextChoices):
        CONNECTED = "connected", "Connected"
        NEEDS_RECONNECT = "needs_reconnect", "Must be reconnected"
        DISCONNECTED = "disconnected", "Disconnected"

    class Rhythm(models.TextChoices):
        OFF = "", "Only when asked"
        DAILY = "daily", "Every day"
        WEEKLY = "weekly", "Every week"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.CharField(max_length=16, choices=Provider.choices)
    address = models.CharField(max_length=320, help_text="Who is signed in there, as a rule an e-mail address.")
    external_id = models.CharField(max_length=255, help_text="The account's lasting id at the provider.")
    server = models.CharField(max_length=255, blank=True, default="", help_text="host:port, where one is chosen.")
    state = models.CharField(max_length=16, choices=State.choices, default=State.CONNECTED)
    sealed_tokens = SealedField()
    expires_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="Of the access token.")
    grant_version = models.PositiveIntegerField(default=1, db_default=1, editable=False, help_text="Counts new tokens.")
    refresh_lease = models.UUIDField(null=True, editable=False, help_text="Whoever is renewing the access token now.")
    refresh_lease_until = models.DateTimeField(null=True, editable=False)
    scopes = models.JSONField(default=list, blank=True, help_text="What the person has agreed to.")
    last_error = models.TextField(blank=True, default="")
    paused_until = models.DateTimeField(null=True, blank=True, help_text="The provider asked us to wait.")
    import_rhythm = models.CharField(
        "import contacts", max_length=8, choices=Rhythm.choices, blank=True, default=Rhythm.OFF
    )
    has_other_contacts = models.BooleanField(
        "other contacts", default=False, help_text="Also people that were only written to (Google)."
    )
    is_mail_synced = models.BooleanField("read mail", default=False)
    is_calendar_synced = models.BooleanField("read calendar", default=False)
    cursors = models.JSONField(default=dict, blank=True, editable=False, help_text="Where the next sync goes on.")
    imported_at = models.DateTimeField(null=True, blank=True, editable=False)
    connected_at = models.DateTimeField(db_default=Now(), editable=False)
    disconnected_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["provider", "address"]
        verbose_name = "account"
        constraints = [
            models.UniqueConstraint(fields=["owner", "provider", "external_id"], name="provideraccount_once"),
        ]

    def __str__(self) -> str:
        return f"{self.get_provider_display()}: {self.address}"

    @property
    def tokens(self) -> dict[str, Any]:
        """The provider's last token answer, or an IMAP password; raises imports.encryption.Unreadable."""
        text = unseal(self.sealed_tokens, bound_to=self.binding)
        return dict(json.loads(text)) if text else {}

    def seal_tokens(self, tokens: Mapping[str, Any]) -> Sealed:
        """Return `tokens` as the column `sealed_tokens` of this very row takes them."""
        return seal(json.dumps(dict(tokens)), bound_to=self.binding)

    @property
    def binding(self) -> str:
        """What the secrets of this row are bound to: copied to another row they cannot be read."""
        return f"{self._meta.db_table}.sealed_tokens:{self.pk}:{self.owner_id}:{self.provider}"
