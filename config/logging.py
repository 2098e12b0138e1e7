"""Logs: one line per event, as text for people or as JSON for machines, never with a secret in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor

SECRET_NAME = re.compile(
    r"token|secret|password|passwd|authorization|cookie|api_?key|private_?key|credential|signature", re.I
)
BEARER = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]+", re.I)
HIDDEN = "[hidden]"


def redact(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Hide the values of names that sound secret, at any depth, and credentials inside text."""
    return {name: HIDDEN if SECRET_NAME.search(name) else _redacted(value) for name, value in event.items()}


def drop_query(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Cut the query string from django-structlog's `request`: it may hold an authorisation code or a search."""
    if isinstance(event.get("request"), str):
        event["request"] = event["request"].partition("?")[0]
    return event


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return BEARER.sub(rf"\1 {HIDDEN}", value)
    if isinstance(value, Mapping):
        return {key: HIDDEN if SECRET_NAME.search(str(key)) else _redacted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item) for item in value]
    return value


SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def configure(log_format: str, *, level: str) -> dict[str, Any]:
    """Set structlog up and return Django's LOGGING; `log_format` is `console` or `json`.

    The standard library's loggers go through the same processors, so that Django's and django-q2's lines are redacted
    and carry the request's id too.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            # Also here, not only in our formatter: other handlers take the record as it leaves structlog.
            drop_query,
            redact,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    # Tracebacks without local variables: these hold people's names and addresses.
    plain = structlog.dev.plain_traceback
    renderers: list[Processor] = [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)]
    if log_format == "json":
        tracebacks = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
        renderers = [tracebacks, structlog.processors.JSONRenderer()]
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": SHARED,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            drop_query,
            redact,
            *renderers,
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django's own handlers would print the same line again, unredacted.
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.server": {"handlers": [], "level": "INFO", "propagate": True},
            "django-q": {"handlers": [], "level": "WARNING", "propagate": True},
            "axes": {"level": "WARNING"},
            # These write addresses of pictures, which may hold somebody's key.
            "urllib3": {"level": "WARNING"},
            "requests_hardened": {"level": "WARNING"},
        },
    }
