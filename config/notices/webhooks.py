"""One request to an address that the operator has set, signed where a secret is set too.

Signature: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import requests
from django.conf import settings

from config.jobs.failures import PermanentFailure, TemporaryFailure, parse_retry_after
from config.notices.models import Notice

CONNECT_SECONDS, READ_SECONDS = 5.0, 10.0
SECRET_PREFIX = "whsec_"  # noqa: S105 (what every secret begins with)
SLOW_DOWN = (408, 425, 429)


def post(notice: Notice) -> None:
    """Send the payload of `notice`; TemporaryFailure or PermanentFailure when it was not taken.

    Nothing of the answer's body is read and no redirect followed. No error names the address: in most it is the key.
    """
    address = getattr(settings, notice.webhook, "")
    if not address:
        raise PermanentFailure(f"{notice.webhook} is not set any more.", code="not_set_up")
    content = json.dumps(notice.payload, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "Kith", **signature(notice, content)}
    try:
        with requests.Session() as session:
            answer = session.post(
                address,
                data=content,
                headers=headers,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            )
            answer.close()
    except requests.Timeout:
        raise TemporaryFailure("The webhook's server did not answer in time.", code="timeout") from None
    except requests.RequestException as error:
        raise TemporaryFailure(
            f"The webhook's server cannot be reached ({type(error).__name__}).", code="connection_failed"
        ) from None
    _check(answer.status_code, answer.headers)


def signature(notice: Notice, content: bytes) -> dict[str, str]:
    """Return the headers that say which notice this is, and by WEBHOOK_SECRET that it is ours and unchanged."""
    headers = {"webhook-id": f"notice-{notice.pk}", "webhook-timestamp": str(int(time.time()))}
    if settings.WEBHOOK_SECRET:
        key = base64.b64decode(settings.WEBHOOK_SECRET.removeprefix(SECRET_PREFIX))
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + content
        digest = hmac.new(key, signed, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


def _check(status: int, headers: Mapping[str, str]) -> None:
    if 200 <= status < 300:
        return
    code = f"http_{status}"
    if status >= 500 or status in SLOW_DOWN:
        wait = parse_retry_after(headers.get("Retry-After", ""), now=datetime.now(UTC))
        raise TemporaryFailure(f"The webhook's server answered {status}.", code=code, retry_after=wait)
    raise PermanentFailure(f"The webhook's server refuses the request: it answered {status}.", code=code)
