"""SENTRY_DSN: a crash is reported to that server, without a word about anybody."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from config.crash_reports import hidden

SECRET = "Ada Secret <ada@example.com> +1 202 555 0143"
CRASH = f"import logging\nlogging.getLogger('kith').error('no answer for %s', '{SECRET}')\nname = '{SECRET}'\nraise "


def crash(dsn: str, raised: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SENTRY_DSN": dsn}
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", CRASH + raised]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def events(server: HTTPServer) -> list[dict[str, Any]]:
    """Return the events in the envelopes that the server was sent: a line of JSON after that of their header."""
    bodies = [request.get_data() for request, _ in server.log]
    lines = [gzip.decompress(body).splitlines() if body[:2] == b"\x1f\x8b" else body.splitlines() for body in bodies]
    return [json.loads(found[2]) for found in lines]


@pytest.mark.processes
def test_a_crash_is_reported_by_where_it_happened_and_not_with_whose_data(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/7/envelope/", method="POST").respond_with_json({})
    ended = crash(f"http://key@{httpserver.host}:{httpserver.port}/7", f"ValueError('{SECRET}\\nRow ({SECRET})')")
    assert ended.returncode == 1
    logged, crashed = events(httpserver)
    assert logged["logentry"] == {"message": "no answer for Ada Secret <[hidden]> [hidden]"}
    assert crashed["exception"]["values"][-1]["value"] == "Ada Secret <[hidden]> [hidden]"
    frames = crashed["exception"]["values"][-1]["stacktrace"]["frames"]
    assert not any(frame.keys() & {"vars", "context_line", "pre_context"} for frame in frames)
    assert "ada@example.com" not in json.dumps([logged, crashed])
    assert "0143" not in json.dumps([logged["logentry"], crashed["exception"]])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Job 4711 failed after 30 s", "Job 4711 failed after 30 s"),
        ("Key (owner_id, address)=(1, ada@example.com) exists", "Key (owner_id, address)=(1, [hidden]) exists"),
        ("call (202) 555-0143 now", "call ([hidden] now"),
    ],
)
def test_only_what_may_name_somebody_is_hidden(text: str, shown: str) -> None:
    assert hidden(text) == shown
