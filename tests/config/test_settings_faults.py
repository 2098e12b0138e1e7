from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

KEY = "an-ordinary-key-for-tests-" * 3
SHOW = """
import json, sys
from config import settings
print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]}, default=str))
"""


def start(*names: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Load the settings in a fresh process that has only `environment`, and print the settings `names` as JSON."""
    kept = {"PATH": os.environ["PATH"], "DATABASE_URL": "", "DEBUG": "", "SECRET_KEY": KEY}
    return subprocess.run(
        [sys.executable, "-c", SHOW, *names],
        cwd=settings.BASE_DIR,
        env={**kept, **environment},
        capture_output=True,
        text=True,
    )


def load(*names: str, **environment: str) -> dict[str, Any]:
    run = start(*names, **environment)
    assert run.returncode == 0, run.stderr
    loaded: dict[str, Any] = json.loads(run.stdout)
    return loaded


def test_every_fault_is_listed_at_once_with_its_name() -> None:
    run = start(
        SECRET_KEY="short",
        DEBUG="ture",
        BASE_URL="http://kith.example.com",
        DATABASE_URL="mysql://kith:hunter2@db.example.com/kith",
        IMPORT_MAX_ROWS="many",
        PHOTO_DEADLINE_SECONDS="0",
        PHOTO_ALLOWED_HOSTS="nas.example.com",
        LOG_FORMAT="xml",
        DEFAULT_PHONE_REGION="Germany",
        ALLOWED_HOSTS="kith.example.com, https://www.example.com",
        SENTRY_DSN="https://hunter2@sentry.example.com/no-number",
    )
    assert run.returncode == 1
    faults = run.stderr.split("The settings have faults:\n")[1].strip().splitlines()
    assert [line.split(":")[0].strip() for line in faults] == [
        "ALLOWED_HOSTS",
        "BASE_URL",
        "DATABASE_URL",
        "DEBUG",
        "DEFAULT_PHONE_REGION",
        "IMPORT_MAX_ROWS",
        "LOG_FORMAT",
        "PHOTO_ALLOWED_HOSTS",
        "PHOTO_DEADLINE_SECONDS",
        "SECRET_KEY",
        "SENTRY_DSN",
    ]
    assert "hunter2" not in run.stderr


def test_manage_py_says_it_without_a_traceback() -> None:
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": "short"}
    run = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert run.stderr.startswith("The settings have faults:\n  SECRET_KEY: Must be at least 50")


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY + "-from-a-file\n")
    assert load("SECRET_KEY", SECRET_KEY="", SECRET_KEY_FILE=str(file)) == {"SECRET_KEY": KEY + "-from-a-file"}


def test_a_secret_file_that_is_not_there_is_a_fault_like_any_other() -> None:
    run = start(SECRET_KEY="", SECRET_KEY_FILE="/nonexistent", DEBUG="ture")
    assert "  DEBUG: Not a valid boolean.\n  SECRET_KEY: The value of SECRET_KEY_FILE must be a readable" in run.stderr


def test_an_empty_value_is_the_default() -> None:
    assert load("IMPORT_MAX_ROWS", "DEBUG", "ALLOWED_HOSTS", IMPORT_MAX_ROWS="", DEBUG="", ALLOWED_HOSTS="") == {
        "IMPORT_MAX_ROWS": 1_000_000,
        "DEBUG": False,
        "ALLOWED_HOSTS": ["127.0.0.1", "127.0.0.1", "localhost", "[::1]"],
    }


def test_one_import_limit_replaces_both_defaults() -> None:
    names = ("IMPORT_CSV_MAX_BYTES", "IMPORT_VCARD_MAX_BYTES")
    assert list(load(*names).values()) == [50_000_000, 500_000_000]
    assert list(load(*names, IMPORT_MAX_BYTES="1000").values()) == [1000, 1000]


TRANSPORT = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS")


def test_https_switches_secure_cookies_redirect_and_hsts_on() -> None:
    assert list(load(*TRANSPORT, BASE_URL="https://kith.example.com").values()) == [True, True, True, 31_536_000]


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"])
def test_plain_http_works_on_this_machine(url: str) -> None:
    assert list(load(*TRANSPORT, BASE_URL=url).values()) == [False, False, False, 0]


def test_the_host_of_the_address_is_allowed_and_trusted_for_forms() -> None:
    loaded = load("ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", BASE_URL="https://kith.example.com/")
    assert loaded["ALLOWED_HOSTS"][0] == "kith.example.com"
    assert loaded["CSRF_TRUSTED_ORIGINS"] == ["https://kith.example.com"]


def test_forwarded_headers_are_believed_only_behind_a_proxy_of_ours() -> None:
    assert load("SECURE_PROXY_SSL_HEADER") == {"SECURE_PROXY_SSL_HEADER": None}
    assert load("SECURE_PROXY_SSL_HEADER", TRUSTED_PROXIES="1")["SECURE_PROXY_SSL_HEADER"] is not None


def test_the_example_file_names_every_setting_that_is_read() -> None:
    source = (settings.BASE_DIR / "config" / "settings.py").read_text()
    example = (settings.BASE_DIR / ".env.example").read_text()
    read = set(re.findall(r'= env\.\w+\(\s*"(\w+)"', source))
    listed = {line.split("=")[0] for line in example.splitlines() if "=" in line and not line.startswith("#")}
    assert listed == read


def test_the_checks_for_deployment_are_clean(tmp_path: Path) -> None:
    for url in ("https://kith.example.com", "http://127.0.0.1:8000"):
        environment = {"PATH": os.environ["PATH"], "SECRET_KEY": KEY, "BASE_URL": url, "DEBUG": "", "DATABASE_URL": ""}
        run = subprocess.run(
            [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
            cwd=settings.BASE_DIR,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr


def test_addresses_with_secrets_are_refused_without_being_shown() -> None:
    run = start(
        ALERT_WEBHOOK_URL="hooks.example.com/hunter2",
        WEBHOOK_SECRET="whsec_hunter2",
        EMAIL_URL="smtps://kith:hunter2@mail.example.com",
    )
    assert run.returncode == 1
    assert "hunter2" not in run.stderr
    faults = run.stderr.split("The settings have faults:\n")[1].strip().splitlines()
    assert [line.split(":")[0].strip() for line in faults] == ["ALERT_WEBHOOK_URL", "EMAIL_URL", "WEBHOOK_SECRET"]


def test_mail_is_off_until_it_has_an_address_and_then_never_waits_for_ever() -> None:
    names = ("EMAIL_BACKEND", "EMAIL_HOST", "EMAIL_PORT", "EMAIL_USE_TLS", "EMAIL_TIMEOUT", "EMAIL_HOST_PASSWORD")
    assert load("EMAIL_BACKEND")["EMAIL_BACKEND"] == "django.core.mail.backends.dummy.EmailBackend"
    found = load(*names, EMAIL_URL="submission://kith:p%40ss@mail.example.com")
    smtp = "django.core.mail.backends.smtp.EmailBackend"
    assert list(found.values()) == [smtp, "mail.example.com", 587, True, 15, "p@ss"]
