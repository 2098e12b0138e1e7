"""What media_store is told of our pictures: where they are moved in and out, and how many there are."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef

from contacts.models import Contact, ContactPicture, Organization, UserProfile
from media_store.moving import FieldDestination, NoSuchPlace, register_destination
from media_store.usage import register_holder


def register() -> None:
    """Enter users, organizations and contacts; called from ContactsConfig.ready."""
    photo, logo = UserProfile._meta.get_field("photo"), Organization._meta.get_field("logo")
    register_destination(FieldDestination("users", photo, row=_profile, key=lambda row: row.user.get_username()))
    register_destination(FieldDestination("organizations", logo, row=_organization, key=lambda row: str(row.pk)))
    users = get_user_model()._default_manager
    register_holder("users", all=users.all, with_picture=lambda: UserProfile.objects.exclude(photo=""))
    register_holder(
        "organizations", all=Organization.objects.all, with_picture=lambda: Organization.objects.exclude(logo="")
    )
    pictures = ContactPicture.objects.filter(contact=OuterRef("pk")).exclude(photo_job__file="")
    register_holder("contacts", all=Contact.objects.all, with_picture=lambda: Contact.objects.filter(Exists(pictures)))


def _profile(username: str) -> Any:
    user = get_user_model()._default_manager.filter(username=username).first()
    if user is None:
        raise NoSuchPlace(f"There is no user {username!r}.")
    return UserProfile.objects.get_or_create(user=user)[0]


def _organization(pk: str) -> Any:
    organization = Organization.objects.filter(pk=pk).first() if pk.isdecimal() else None
    if organization is None:
        raise NoSuchPlace(f"There is no organization {pk!r}.")
    return organization
