"""Tokens that carry their own meaning and refuse to be edited: page, sync, skip and delta tokens."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

_KEY = b"only the stand-ins may look inside"
_SEAL = 9


def seal(**content: Any) -> str:
    """Return an opaque token with `content` (JSON values) in it."""
    plain = json.dumps(content, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_digest(plain) + plain).decode().rstrip("=")


def unseal(token: str) -> dict[str, Any] | None:
    """Return the content of a token from `seal`; None when somebody made or changed it."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return None
    if not hmac.compare_digest(raw[:_SEAL], _digest(raw[_SEAL:])):
        return None
    content: dict[str, Any] = json.loads(raw[_SEAL:])
    return content


def fingerprint(parameters: dict[str, list[str]], *, without: tuple[str, ...] = ()) -> str:
    """Return what two calls with the same parameters, some of them left aside, have in common."""
    kept = sorted((name, values) for name, values in parameters.items() if name not in without)
    return hashlib.sha256(json.dumps(kept).encode()).hexdigest()[:16]


def _digest(plain: bytes) -> bytes:
    return hmac.digest(_KEY, plain, "sha256")[:_SEAL]
