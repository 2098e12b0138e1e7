"""What the tests of chats share: a Beeper that stands in, an account of the owner's, a sync to its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User
from django.test import override_settings

from config.jobs.draining import drain
from contacts.models import Chat
from imports.beeper.connecting import settings_account
from imports.models import ProviderAccount, SyncRun
from imports.sync.asking import ask, run_to_rest
from tests.providers.beeper import BeeperStandIn, beeper_stand_in
from tests.providers.chats import chat_id

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
"""Before all messages of the stand-in."""

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""A day after the last of them."""


def settings_of(beeper: BeeperStandIn, **more: Any) -> dict[str, Any]:
    """Return the stand-in's settings as Django has them, with a window that holds all of its messages."""
    values: dict[str, Any] = beeper.settings()
    return {**values, "PHOTO_ALLOWED_HOSTS": [values["PHOTO_ALLOWED_HOSTS"]], "CHAT_WINDOW_DAYS": 3_650, **more}


@contextmanager
def beeper_at_work(*, chats: int = 60, more: dict[str, Any] | None = None, **options: Any) -> Iterator[BeeperStandIn]:
    """Run a stand-in that the settings name."""
    with beeper_stand_in(chats=chats, **options) as beeper, override_settings(**settings_of(beeper, **(more or {}))):
        yield beeper


def account_of(owner: User) -> ProviderAccount:
    return settings_account(owner.pk, now=NOW)


def sync(owner: User, *, since: datetime | None = None) -> SyncRun:
    """Sync the owner's chats to the end and return the run."""
    runs = ask(SyncRun.Kind.CHATS, now=NOW, owner_id=owner.pk, since=since, triggered_by="test")
    run_to_rest(runs)
    assert len(runs) == 1
    return runs[0]


def fetch_pictures() -> None:
    drain("photos", seconds=None, is_ringing=False)


def chat_of(number: int) -> Chat:
    """Return our row of the stand-in's chat with this number."""
    chat: Chat = Chat.objects.select_related("photo_job", "contact").get(external_id=chat_id(number))
    return chat
