from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction

from config.jobs.bell import ring
from config.notices.models import Notice

KEPT = timedelta(days=30)

Channel = Notice.Channel


@dataclass(frozen=True, kw_only=True)
class Message:
    """What is to be told; see `config.notices.notify`."""

    kind: str
    subject: str
    body: str = ""
    html: str = ""
    payload: dict[str, Any] | None = None
    webhook: str = ""
    key: str = ""


def enqueue(owner_id: int, message: Message) -> list[Notice]:
    """Write one row for each channel that is set up, and wake a worker; return those that were not there before."""
    written = []
    with transaction.atomic():
        for channel in _channels(owner_id, message):
            notice, is_new = _write(owner_id, channel, message)
            if is_new:
                written.append(notice)
        if written:
            ring(Notice.QUEUE)
    return written


def has_channel(owner_id: int, webhook: str) -> bool:
    """Say whether a message to this owner would go anywhere; spares composing one that would not."""
    return bool(getattr(settings, webhook)) or _has_mail(owner_id)


def prune(*, now: datetime) -> int:
    """Delete the notices that ended 30 days ago; return how many."""
    count, _ = Notice.objects.filter(state__in=Notice.FINAL_STATES, finished_at__lt=now - KEPT).delete()
    return count


def _channels(owner_id: int, message: Message) -> Iterator[str]:
    if message.webhook and message.payload is not None and getattr(settings, message.webhook):
        yield Channel.WEBHOOK
    if message.body and _has_mail(owner_id):
        yield Channel.EMAIL


def _has_mail(owner_id: int) -> bool:
    people = get_user_model().objects.filter(pk=owner_id, is_active=True).exclude(email="")
    return bool(settings.EMAIL_URL) and people.exists()


def _write(owner_id: int, channel: str, message: Message) -> tuple[Notice, bool]:
    is_request = channel == Channel.WEBHOOK
    text = {
        "subject": message.subject[:200],
        "webhook": message.webhook if is_request else "",
        "payload": message.payload if is_request else None,
        "body": "" if is_request else message.body,
        "html": "" if is_request else message.html,
    }
    known = {"owner_id": owner_id, "kind": message.kind, "channel": channel, "key": message.key}
    if not message.key:
        return Notice.objects.create(**known, **text), True
    return Notice.objects.get_or_create(**known, defaults=text)
