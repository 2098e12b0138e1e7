from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse

from contacts.models.owned import OwnedModel
from media_store.fields import OptimizedImageField


def logo_name(organization: Organization, filename: str) -> str:
    return f"o{organization.owner_id}/logos/{filename}"


def logo_address(organization: Organization) -> str:
    return reverse("organization-logo", args=[organization.pk])


def photo_name(profile: UserProfile, filename: str) -> str:
    return f"o{profile.user_id}/profiles/{filename}"


def photo_address(profile: UserProfile) -> str:
    return reverse("user-profile-photo", args=[profile.user_id])


class Organization(OwnedModel):
    """A company or other body that contacts belong to."""

    name = models.CharField(max_length=200)
    domain = models.CharField(max_length=253, blank=True, default="", db_default="")
    logo = OptimizedImageField(upload_to=logo_name, address=logo_address, blank=True, default="", db_default="")

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="organization_once_per_owner")]

    def __str__(self) -> str:
        return self.name


class UserProfile(models.Model):
    """What Kith knows of its own user beyond the login."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="profile",
        primary_key=True,
    )
    photo = OptimizedImageField(
        upload_to=photo_name, address=photo_address, is_square=True, blank=True, default="", db_default=""
    )
    time_zone = models.CharField(max_length=60, default="UTC", db_default="UTC")
    phone_region = models.CharField(
        max_length=2,
        blank=True,
        default="",
        db_default="",
        help_text="Country for numbers without a prefix, for example DE.",
    )
    last_seen_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Profile of {self.user}"
