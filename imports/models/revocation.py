from __future__ import annotations

from typing import ClassVar

from django.db import models

from config.jobs.models import LeasedJob, job_constraints, job_indexes
from config.ownership import OwnedQuerySet
from imports.encryption import SealedField
from imports.models.account import ProviderAccount

STEPS = {"pending": "revoking"}


class Revocation(LeasedJob):
    """A permission to take back at its provider, after the account here was disconnected or deleted.

        pending -> revoking -> completed     its tokens go when it is done; the row stays for 30 days

    It points at neither the account nor the owner, as both may be gone by then.
    """

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        REVOKING = "revoking", "Running"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    QUEUE: ClassVar[str] = "revocations"
    STEPS: ClassVar = STEPS

    owner_id = models.BigIntegerField(editable=False)
    account_key = models.UUIDField(editable=False, help_text="The account that it was.")
    provider = models.CharField(max_length=16, choices=ProviderAccount.Provider.choices)
    address = models.CharField(max_length=320)
    external_id = models.CharField(max_length=255, editable=False)
    sealed_tokens = SealedField(help_text="As the account had them, and bound to it.")
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "revoked access"
        verbose_name_plural = "revoked access"
        indexes = [*job_indexes("revocation", STEPS), models.Index(fields=["owner_id", "-id"], name="revocation_owner")]
        constraints = job_constraints("revocation", STEPS)

    def __str__(self) -> str:
        return f"{self.get_provider_display()}: {self.address}"

    @property
    def max_attempts(self) -> int:
        """About a day: nobody waits for it, and whoever granted it may be out of reach."""
        return 30

    @property
    def token(self) -> str:
        """What the provider knows the permission by; raises imports.encryption.Unreadable."""
        tokens = self._account.tokens
        return str(tokens.get("refresh_token") or tokens.get("access_token") or "")

    @property
    def binding(self) -> str:
        return self._account.binding

    @property
    def _account(self) -> ProviderAccount:
        return ProviderAccount(
            pk=self.account_key, owner_id=self.owner_id, provider=self.provider, sealed_tokens=self.sealed_tokens
        )
