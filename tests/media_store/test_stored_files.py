"""`/files/<name>`: for the owner and superusers, to be saved unless it is our own WebP."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.signals import request_finished
from django.db import close_old_connections
from django.http import HttpResponseBase
from django.test import RequestFactory

from media_store.models import BLOB_LIMIT, StoredFile
from media_store.views import stored_file

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _connection_stays_open() -> Iterator[None]:
    """Closing a response ends the request and with it the connection of the test; django.test.Client does the same."""
    request_finished.disconnect(close_old_connections)
    yield
    request_finished.connect(close_old_connections)


def get(name: str, user: User | AnonymousUser, **headers: str) -> HttpResponseBase:
    request = RequestFactory().get(f"/files/{quote(name)}", headers=headers)
    request.user = user
    response: HttpResponseBase = stored_file(request, name)
    return response


def body(response: HttpResponseBase) -> bytes:
    content = b"".join(response.streaming_content)  # type: ignore[attr-defined]
    response.close()
    return content


def save(owner: User, name: str, content: bytes = b"hello") -> str:
    return default_storage.save(f"o{owner.pk}/{name}", ContentFile(content))


def test_the_owner_and_superusers_get_the_file(owner: User, admin_user: User) -> None:
    name = save(owner, "notes.txt")
    for user in (owner, admin_user):
        response = get(name, user)
        assert (response.status_code, body(response)) == (200, b"hello")
        assert response["Content-Disposition"] == 'attachment; filename="notes.txt"'
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert response["Cache-Control"] == "private, no-cache"


def test_others_and_strangers_do_not(owner: User, other_owner: User) -> None:
    name = save(owner, "notes.txt")
    assert get(name, other_owner).status_code == 404
    assert get(name, AnonymousUser()).status_code == 302


def test_the_number_of_one_owner_is_no_prefix_of_another(owner: User) -> None:
    name = default_storage.save(f"o{owner.pk}0/notes.txt", ContentFile(b"x"))
    assert get(name, owner).status_code == 404


def test_deleted_and_missing_files_and_lost_bytes_are_not_found(owner: User) -> None:
    name, large = save(owner, "notes.txt"), save(owner, "large.bin", os.urandom(BLOB_LIMIT))
    default_storage.delete(name)
    (Path(settings.MEDIA_DIR) / large).unlink()
    for missing in (name, large, f"o{owner.pk}/other.txt", f"o{owner.pk}/../../etc/passwd"):
        assert get(missing, owner).status_code == 404
    assert get(f"o{owner.pk}/a\0b", owner).status_code == 404


def test_large_files_are_streamed(owner: User) -> None:
    content = os.urandom(BLOB_LIMIT + 5)
    response = get(save(owner, "large.bin", content), owner)
    assert response["Content-Length"] == str(len(content))
    assert response.streaming
    assert body(response) == content


def test_webp_is_shown_and_a_web_page_is_not(owner: User) -> None:
    shown, page = get(save(owner, "a.webp"), owner), get(save(owner, "a.html"), owner)
    assert shown["Content-Disposition"].startswith("inline")
    assert page["Content-Disposition"].startswith("attachment")
    shown.close()
    page.close()


def test_a_type_that_is_none_is_not_sent(owner: User) -> None:
    name = save(owner, "a.bin")
    StoredFile.objects.filter(name=name).update(content_type="text/html\r\nX-Evil: 1")
    response = get(name, owner)
    assert response["Content-Type"] == "application/octet-stream"
    response.close()


def test_whoever_holds_the_file_is_not_sent_it_again(owner: User) -> None:
    name = save(owner, "notes.txt")
    etag = f'"{StoredFile.objects.get(name=name).sha256}"'
    assert get(name, owner, if_none_match=etag).status_code == 304
