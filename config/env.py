"""Read the environment so that every fault is reported at once.

Any variable `NAME` may instead come from the file named by `NAME_FILE`. An empty variable counts as not set, as in a
copied `.env.example`. Parsing is lazy: a wrong value is None until `seal` raises with all faults, so nothing may be
computed from a setting before that.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

import dj_database_url
import dj_email_url
from django.core.exceptions import ImproperlyConfigured
from environs import EnvValidationError, FileAwareEnv, ValidationError

SECRET_KEY_LENGTH = 50
EMAIL_TIMEOUT_SECONDS = 15


class Environment(FileAwareEnv):
    """environs' file-aware reader, for which an unreadable file is one more fault to list."""

    def __init__(self) -> None:
        super().__init__(eager=False, strip_whitespace=True)
        self._unreadable: dict[str, list[str]] = {}

    def _get_value(self, env_key: str, default: Any) -> Any:
        try:
            value = super()._get_value(env_key, default)
        except ValueError as error:
            self._unreadable[env_key] = [str(error)]
            return default
        return default if value == "" else value

    def seal(self) -> None:
        self._errors = {**self._errors, **self._unreadable}
        super().seal()


def read_env(dotenv: Path) -> Environment:
    """Return a reader over the process environment, filled up from `dotenv` where that file exists."""
    env = Environment()
    if dotenv.is_file():
        env.read_env(str(dotenv), recurse=False)
    return env


def seal(env: Environment) -> None:
    """Raise ImproperlyConfigured with one line for each setting that is missing or wrong."""
    try:
        env.seal()
    except EnvValidationError as error:
        faults = cast("Mapping[str, list[str]]", error.error_messages)  # a list only from an eager reader
        lines = [f"  {name}: {' '.join(messages)}" for name, messages in sorted(faults.items())]
        raise ImproperlyConfigured("The settings have faults:\n" + "\n".join(lines)) from None


def is_loopback(host: str) -> bool:
    """Say whether `host`, a name or an address, is this machine itself."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def between(smallest: int, largest: int | None = None) -> Any:
    """Return a validator for a number of at least `smallest` and at most `largest`."""

    def validate(value: float) -> None:
        if value < smallest or (largest is not None and value > largest):
            limits = f"at least {smallest}" if largest is None else f"from {smallest} to {largest}"
            raise ValidationError(f"Must be {limits}, not {value}.")

    return validate


def one_of(*choices: str) -> Any:
    """Return a validator for one of `choices`."""

    def validate(value: str) -> None:
        if value not in choices:
            raise ValidationError(f"Must be {' or '.join(choices)}, not {value!r}.")

    return validate


def secret_key(value: str) -> None:
    if len(value) < SECRET_KEY_LENGTH or len(set(value)) < 5:
        raise ValidationError(f"Must be at least {SECRET_KEY_LENGTH} random characters; `make setup` makes one.")


def secret(value: str) -> None:
    """Accept an empty value, which closes what the secret opens."""
    if value and len(value) < 32:
        raise ValidationError("Must be at least 32 random characters.")


def field_keys(values: list[str]) -> None:
    """Accept `<id>:<base64 of 32 bytes>` entries with different ids; none at all closes what needs them."""
    ids = [value.partition(":")[0] for value in values]
    if len(set(ids)) != len(ids):
        raise ValidationError("Two keys have the same id.")
    for value in values:
        key_id, _, encoded = value.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if not key_id.isalnum() or len(key) != 32 or len(set(key)) < 8:  # never echo it
            raise ValidationError("Each key must be <id>:<base64 of 32 random bytes>; `make setup` makes one.")


def postgres_url(value: str) -> None:
    """Accept an empty value, which means the embedded server."""
    if not value:
        return
    try:
        engine = dj_database_url.parse(value)["ENGINE"]
    except ValueError:  # never echo it: it holds a password
        engine = ""
    if engine != "django.db.backends.postgresql":
        raise ValidationError("Must look like postgres://user:password@host:5432/name, or be empty.")


def _split(address: str) -> tuple[SplitResult, str]:
    """Return the parts of an address and its host, empty when it has none."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port  # a wrong port is only noticed when it is asked for
    except ValueError:
        raise ValidationError("Is not an address.") from None
    return parts, host or ""


def base_url(value: str) -> None:
    """Accept the origin that people type: https, or http on this machine alone."""
    parts, host = _split(value)
    if parts.scheme not in ("http", "https") or not host or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValidationError("Must look like https://kith.example.com, without a path.")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValidationError("Must be https: plain http is only for this machine itself (127.0.0.1, localhost).")


def web_address(value: str) -> None:
    """Accept an http or https origin of any host."""
    parts, host = _split(value)
    if value and (parts.scheme not in ("http", "https") or not host or parts.path.strip("/") or parts.query):
        raise ValidationError("Must look like https://s3.example.com, without a path.")


def provider_address(value: str) -> None:
    """Accept a whole address that secrets may be sent to: https, or http on this machine alone."""
    parts, host = _split(value)
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment or parts.username is not None:
        raise ValidationError("Must look like https://accounts.example.com/path.")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValidationError("Must be https: tokens are sent there. Plain http is only for this machine itself.")


def provider_origin(value: str) -> None:
    """Accept the base of a provider's API, without a path, under the same rule."""
    provider_address(value)
    if urlsplit(value).path.strip("/"):
        raise ValidationError("Must look like https://api.example.com, without a path.")


def server_address(value: str) -> None:
    """Accept an http or https address of any host, perhaps with a path; empty for none. Never echo it."""
    parts, host = _split(value)
    if value and (parts.scheme not in ("http", "https") or not host or parts.query or "@" in parts.netloc):
        raise ValidationError("Must look like http://media.example.com/folder, without a user name or query.")


def webhook_url(value: str) -> None:
    """Accept any http or https address; never echo it, as it is mostly a secret itself."""
    parts, host = _split(value)
    if value and (parts.scheme not in ("http", "https") or not host):
        raise ValidationError("Must look like https://hooks.example.com/services/…")


def webhook_secret(value: str) -> None:
    """Accept what the Standard Webhooks specification calls a secret, or none."""
    try:
        key = base64.b64decode(value.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if value and not (value.startswith("whsec_") and 24 <= len(key) <= 64):
        raise ValidationError("Must be whsec_ and the base64 of 24 to 64 random bytes.")


def email_url(value: str) -> None:
    """Accept an address of dj-email-url, or none; never echo it, as it holds a password."""
    try:
        known = "EMAIL_BACKEND" in dj_email_url.parse(value) and not value.startswith("smtps:")
    except ValueError:
        known = False
    if value and not known:
        raise ValidationError("Must look like submission://user:password@mail.example.com:587 or smtp://…?ssl=True.")


def email_settings(url: str) -> dict[str, Any]:
    """Return Django's EMAIL_… settings for EMAIL_URL; without one nothing is ever sent."""
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}
    found: dict[str, Any] = dj_email_url.parse(url)
    return {**found, "EMAIL_TIMEOUT": found["EMAIL_TIMEOUT"] or EMAIL_TIMEOUT_SECONDS}


def sentry_dsn(value: str) -> None:
    """Accept what Sentry calls a DSN, or none; never echo it, as it holds a key."""
    parts, host = _split(value)
    project = parts.path.rpartition("/")[2]
    if value and not (parts.scheme in ("http", "https") and host and parts.username and project.isdigit()):
        raise ValidationError("Must look like https://key@sentry.example.com/1.")


def host_names(values: list[str]) -> None:
    """Accept what Django's ALLOWED_HOSTS takes: names and addresses, `.example.com` for all below it."""
    for value in values:
        if value != "*" and not re.fullmatch(r"\.?[\w-]+(\.[\w-]+)*\.?|\[[0-9A-Fa-f:.]+\]", value):
            raise ValidationError(f"{value!r} must be a host alone, as kith.example.com, without https:// and port.")


def hosts_and_ports(values: list[str]) -> None:
    for value in values:
        host, _, port = value.rpartition(":")
        if not host.strip("[]") or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValidationError(f"{value!r} must be host:port.")


def phone_region(value: str) -> None:
    if len(value) != 2 or not value.isascii() or not value.isalpha() or not value.isupper():
        raise ValidationError("Must be a country's two capital letters, as US or DE.")
