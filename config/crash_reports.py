"""Crashes to Sentry, or to a server that speaks its protocol (GlitchTip, Bugsink), where SENTRY_DSN names one.

What is sent is where the program failed, not with whose data: no variables, bodies, cookies, queries or addresses.
https://docs.sentry.io/platforms/python/data-management/sensitive-data/
"""

from __future__ import annotations

import re
from typing import Any

PERSONAL = re.compile(r"[^\s@<>\"'=,;(]+@[^\s@<>\"',;)]+|\+?\d[\d\s().-]{6,}\d")
"""E-mail addresses and telephone numbers."""
KEPT_OF_REQUEST = ("method", "url")
HIDDEN = "[hidden]"


def start(dsn: str) -> None:
    """Report what is not caught and what is logged as an error, from now on; does nothing without a `dsn`."""
    if not dsn:
        return
    import sentry_sdk  # here, as nobody else needs it and loading it takes time
    from sentry_sdk.integrations.django import DjangoIntegration

    sentry_sdk.init(
        dsn=dsn,
        integrations=[DjangoIntegration()],
        auto_enabling_integrations=False,
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        send_client_reports=False,
        auto_session_tracking=False,
        before_send=without_people,
    )


def without_people(event: Any, _hint: dict[str, Any]) -> Any:
    """Take out of an event what may name somebody."""
    for failure in event.get("exception", {}).get("values", []):
        failure["value"] = hidden(str(failure.get("value") or ""))
    if entry := event.get("logentry"):
        event["logentry"] = {"message": hidden(str(entry.get("formatted") or entry.get("message") or ""))}
    for name in ("extra", "user", "breadcrumbs"):
        event.pop(name, None)
    if request := event.get("request"):
        event["request"] = {name: request[name] for name in KEPT_OF_REQUEST if name in request}
    return event


def hidden(text: str) -> str:
    """Return the first line of `text` without addresses and numbers; a database quotes whole rows below it."""
    return PERSONAL.sub(HIDDEN, text.partition("\n")[0])
