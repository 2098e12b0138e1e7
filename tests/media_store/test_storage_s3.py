"""What only a bucket has: keys that may be wrong, signed addresses, headers, and a long list of names."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
import requests
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from media_store.models import BLOB_LIMIT, StoredFile
from media_store.s3 import S3Refused
from media_store.tiers import files_tier, walk
from tests.media_store.s3_server import KEY, free_ports

pytestmark = [pytest.mark.django_db, pytest.mark.processes]

LARGE = os.urandom(BLOB_LIMIT)
UseS3 = Callable[..., Any]


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"secret_key": "wrong"}, "S3_SECRET_ACCESS_KEY"),
        ({"access_key": "unknown"}, "S3_ACCESS_KEY_ID"),
        ({"bucket_name": "no-such-bucket"}, "S3_BUCKET"),
    ],
)
def test_wrong_settings_say_which(s3_files: UseS3, bucket: str, options: dict[str, str], advice: str) -> None:
    with s3_files(bucket, **options):
        with pytest.raises(S3Refused, match=advice) as refusal:
            default_storage.save("o1/large.bin", ContentFile(LARGE))
        assert not StoredFile.objects.exists()
        assert "wrong" not in str(refusal.value)
        with pytest.raises(S3Refused, match=advice):
            list(walk())
        with pytest.raises(CommandError, match=advice):
            call_command("storage_doctor")


def test_a_server_that_is_away_is_an_error_of_the_file_system(s3_files: UseS3, bucket: str) -> None:
    (port,) = free_ports(1)
    with s3_files(bucket, endpoint_url=f"http://127.0.0.1:{port}"), pytest.raises(S3Refused, match="cannot be used"):
        files_tier().size("o1/large.bin")


def test_a_signed_address_works_without_our_keys_and_the_plain_one_does_not(s3_files: UseS3, bucket: str) -> None:
    with s3_files(bucket):
        name = default_storage.save("o1/large file.bin", ContentFile(LARGE))
        signed = files_tier().url(name)
    answer = requests.get(signed, timeout=10)
    assert (answer.status_code, answer.content) == (200, LARGE)
    assert answer.headers["Cache-Control"] == "private, no-store"
    plain, _, query = signed.partition("?")
    assert requests.get(plain, timeout=10).status_code == 403
    assert requests.get(f"{plain}?{query.replace(KEY, 'other')}", timeout=10).status_code == 403
    assert "X-Amz-Expires=300" in query


def test_a_taken_name_is_not_overwritten(s3_files: UseS3, bucket: str) -> None:
    with s3_files(bucket):
        files_tier().save("o1/large.bin", ContentFile(b"left by somebody"))
        name = default_storage.save("o1/large.bin", ContentFile(LARGE))
        assert name != "o1/large.bin"
        with files_tier().open("o1/large.bin") as file:
            assert file.read() == b"left by somebody"


def test_a_large_file_goes_in_parts(s3_files: UseS3, bucket: str) -> None:
    content = os.urandom(12_000_000)
    with s3_files(bucket):
        name = default_storage.save("o1/video.bin", ContentFile(content))
        with default_storage.open(name) as file:
            assert file.read() == content
