from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core import checks as django_checks
from pytest_django.fixtures import Settings

from config import checks


def found(**_options: Any) -> set[str]:
    """Return the ids of our checks that fail, as `manage.py check` would."""
    return {str(message.id) for message in django_checks.run_checks() if str(message.id).startswith("kith.")}


def test_nothing_is_wrong_with_the_tests_own_settings() -> None:
    assert found() == set()


def test_a_connection_pool(settings: Settings) -> None:
    settings.DATABASES["default"].setdefault("OPTIONS", {})["pool"] = True
    try:
        assert found() == {"kith.E001"}
    finally:
        del settings.DATABASES["default"]["OPTIONS"]["pool"]


@pytest.mark.parametrize(("retry", "ids"), [(429, {"kith.E002"}), (430, set())])
def test_a_retry_that_does_not_outlast_what_is_fetched_before(settings: Settings, retry: int, ids: set[str]) -> None:
    two_workers = {"workers": 2, "queue_limit": 2, "bulk": 1, "timeout": 120}  # (2 + 1) * 123 + 60 = 429
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, **two_workers, "retry": retry}
    assert found() == ids


def test_a_retry_of_an_alternative_cluster(settings: Settings) -> None:
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "ALT_CLUSTERS": {"media": {"timeout": 300}}}
    assert found() == {"kith.E002"}


@pytest.mark.parametrize("key", ["x1y2z" * 9, "please-change-me-" * 4])
def test_a_weak_secret_key(settings: Settings, key: str) -> None:
    settings.SECRET_KEY = key
    assert found() == {"kith.E003"}


@pytest.mark.parametrize(("size", "ids"), [(50, set()), (51, {"kith.E004"})])
def test_a_photo_batch_that_outlasts_its_lease(settings: Settings, size: int, ids: set[str]) -> None:
    settings.PHOTO_BATCH_SIZE = size
    assert found() == ids


def test_a_media_folder_that_is_a_file(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.MEDIA_DIR = tmp_path / "file" / "media"
    assert found() == {"kith.E005"}


def test_a_media_folder_that_can_be_made(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_DIR = tmp_path / "var" / "media"
    assert found() == set()


@pytest.mark.parametrize(
    ("url", "ids"),
    [
        ("http://kith.example.com", {"kith.E006"}),
        ("http://192.0.2.7:8000", {"kith.E006"}),
        ("http://127.0.0.1:8000", set()),
        ("https://kith.example.com", set()),
    ],
)
def test_plain_http_to_other_machines(settings: Settings, url: str, ids: set[str]) -> None:
    settings.BASE_URL = url
    assert found() == ids


def test_every_message_says_what_to_do(settings: Settings) -> None:
    settings.PHOTO_BATCH_SIZE = 51
    assert all(message.hint for message in checks.photo_batch_is_small())
