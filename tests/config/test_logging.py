from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from django.conf import settings

from config.logging import HIDDEN, drop_query, redact

WRITE = """
import logging, django
django.setup()
import structlog
structlog.contextvars.bind_contextvars(request_id="r-1")
structlog.get_logger("kith").info("fetched", access_token="s3cret", count=3)
logging.getLogger("django.request").warning("header %s", "Authorization: Bearer s3cret")
"""


def lines(log_format: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", WRITE],
        cwd=settings.BASE_DIR,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "SECRET_KEY": "an-ordinary-key-" * 5,
            "LOG_FORMAT": log_format,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stderr


def test_json_lines_carry_the_request_and_no_secret() -> None:
    ours, djangos = (json.loads(line) for line in lines("json").strip().splitlines())
    assert (ours["event"], ours["count"], ours["request_id"], ours["access_token"]) == ("fetched", 3, "r-1", HIDDEN)
    assert (djangos["logger"], djangos["level"], djangos["request_id"]) == ("django.request", "warning", "r-1")
    assert djangos["event"] == f"header Authorization: Bearer {HIDDEN}"


def test_console_lines_have_no_secret_either() -> None:
    text = lines("console")
    assert "fetched" in text
    assert "s3cret" not in text


def hidden(**event: Any) -> dict[str, Any]:
    return dict(redact(None, "info", event))


def test_names_that_sound_secret_are_hidden_at_any_depth() -> None:
    event = hidden(event="x", Authorization="a", headers={"Cookie": "b", "Accept": "c"}, jobs=[{"api_key": "d"}])
    assert event == {
        "event": "x",
        "Authorization": HIDDEN,
        "headers": {"Cookie": HIDDEN, "Accept": "c"},
        "jobs": [{"api_key": HIDDEN}],
    }


def test_the_query_of_a_request_is_dropped() -> None:
    event = drop_query(None, "info", {"event": "request_started", "request": "GET /callback?code=abc&state=def"})
    assert event["request"] == "GET /callback"
