"""The `files` tier as a folder and as a bucket of a real S3 server."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import Storage, storages
from django.test import override_settings

from media_store.tiers import walk
from tests.media_store.network import dialled, names, public_web  # noqa: F401 (fixtures)
from tests.media_store.s3_server import BUCKET, S3Server, running_s3


@dataclass(frozen=True)
class FilesTier:
    """An empty `files` tier, looked into past the database."""

    kind: str

    @property
    def storage(self) -> Storage:
        return storages["files"]

    def names(self) -> set[str]:
        return {entry.name for entry in walk()}

    def read(self, name: str) -> bytes:
        with self.storage.open(name) as file:
            content: bytes = file.read()
            return content

    def remove(self, name: str) -> None:
        self.storage.delete(name)

    def write(self, name: str, content: bytes, *, days_old: int = 0) -> None:
        """Put an object there; a bucket always says that it is new."""
        if self.kind == "s3":
            bucket: Any = self.storage
            bucket.bucket.upload_fileobj(io.BytesIO(content), name)
            return
        path = Path(self.storage.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        then = time.time() - days_old * 86_400
        os.utime(path, (then, then))


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with running_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def bucket(s3_server: S3Server) -> str:
    """An empty bucket, the same for all tests: the server sets volumes aside for each."""
    client: Any = s3_server.client()
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for item in page.get("Contents", []):
            client.delete_object(Bucket=BUCKET, Key=item["Key"])
    return BUCKET


@pytest.fixture
def s3_files(s3_server: S3Server) -> Callable[..., Any]:
    """`s3_files(bucket, **options)`: settings that put the `files` tier there."""

    def use(bucket: str, **options: Any) -> Any:
        configured: dict[str, Any] = settings.S3_FILES
        merged = {**configured["OPTIONS"], **s3_server.options(bucket, **options)}
        return override_settings(STORAGES={**settings.STORAGES, "files": {**configured, "OPTIONS": merged}})

    return use


@pytest.fixture(params=["disk", pytest.param("s3", marks=pytest.mark.processes)])
def tier(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FilesTier]:
    """Run the test on both kinds of `files` tier, each empty."""
    with ExitStack() as stack:
        if request.param == "s3":
            use = request.getfixturevalue("s3_files")
            stack.enter_context(use(request.getfixturevalue("bucket")))
        else:
            disk = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path / "m"}}
            stack.enter_context(override_settings(STORAGES={**settings.STORAGES, "files": disk}))
        yield FilesTier(request.param)
