"""Clients and permissions for the tests of addresses."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.core.signals import request_finished
from django.db import close_old_connections
from django.test import Client
from django.utils.datastructures import MultiValueDict

from tests.factories import draw_image


def signed_in(user: User, *, is_strict: bool = False) -> Client:
    client = Client(enforce_csrf_checks=is_strict)
    client.force_login(user)
    return client


def allow(user: User, *codenames: str) -> User:
    """Give the user these permissions, as `change_part`; returned anew, without what was remembered."""
    found = Permission.objects.filter(content_type__app_label__in=["media_store", "contacts"], codename__in=codenames)
    assert found.count() == len(codenames)
    user.user_permissions.add(*found)
    return User.objects.get(pk=user.pk)


def picture(number: int = 0, *, name: str = "a.jpg", format: str = "JPEG") -> SimpleUploadedFile:
    """Make an uploaded picture that differs from those of other numbers."""
    return SimpleUploadedFile(name, draw_image(format, size=(300 + number, 200)), "image/jpeg")


def files(**found: SimpleUploadedFile) -> MultiValueDict[str, UploadedFile[Any]]:
    """Return what a form gets as its files."""
    return MultiValueDict({name: [file] for name, file in found.items()})


def leave(response: Any) -> None:
    """End a request whose answer was not read to the end, and keep the connection of the test."""
    request_finished.disconnect(close_old_connections)
    response.close()
    request_finished.connect(close_old_connections)
