"""`python -m tests.providers` serves a provider to people who have no account there."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def test_it_prints_lines_for_the_settings_and_serves_until_interrupted() -> None:
    port = free_port()
    command = [sys.executable, "-m", "tests.providers", "google", "--contacts", "30", "--port", str(port)]
    with subprocess.Popen(
        [*command, "--fault", "userinfo=503"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        lines = [process.stdout.readline().strip() for _ in range(11)]
        settings = dict(re.findall(r"^([A-Z_]+)=(.+)$", "\n".join(lines), re.MULTILINE))
        statuses = [requests.get(settings["GOOGLE_USERINFO_URL"], timeout=10).status_code for _ in range(2)]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
    assert settings["GOOGLE_PEOPLE_URL"] == f"http://127.0.0.1:{port}"
    assert settings["PHOTO_ALLOWED_HOSTS"] == f"127.0.0.1:{port}"
    assert statuses == [503, 401]


@pytest.mark.parametrize("wrong", [["--fault", "userinfo=gremlins"], ["--fault", "nowhere=429"], ["--port", "70000"]])
def test_a_wrong_option_is_said_in_words(wrong: list[str]) -> None:
    command = [sys.executable, "-m", "tests.providers", "google", *wrong]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode in (1, 2)
    assert "Traceback" not in ended.stderr
    assert ended.stderr
