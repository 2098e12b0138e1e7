"""Where a hub without contacts can bring some in from: what this server is set up for, and what it could be."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse

from imports.accounts.providers import PROVIDERS

Step = dict[str, str]


def first_steps(user: User) -> list[Step]:
    """Return title, note and link of each way that `user` may go."""
    steps: list[Step] = []
    if user.has_perm("imports.add_importjob"):
        steps.append(
            _step("Import a file", "vCard or CSV, from your phone or mail program.", "imports_importjob_upload")
        )
    if user.has_perm("imports.add_provideraccount"):
        steps += [*_providers(), *_others()]
    return steps


def _providers() -> list[Step]:
    page, note = "imports_provideraccount_connect", "Your contacts, and if you want to, mail and meetings."
    ready = [provider for provider in PROVIDERS.values() if provider.is_configured]
    steps = [_step(f"Connect {provider.label}", note, page, f"#{provider.name}") for provider in ready]
    missing = " and ".join(provider.label for provider in PROVIDERS.values() if provider not in ready)
    if missing:
        steps.append(_step(f"Set up {missing}", "Not set up on this server yet; the page says what is missing.", page))
    return steps


def _others() -> list[Step]:
    if not settings.FIELD_KEYS:
        return []
    mail = "Who wrote to whom and when, from any mailbox with IMAP. Never the text."
    chats = "Chats from WhatsApp, Signal, Telegram and others that your Beeper Desktop shows."
    return [
        _step("Connect a mail server", mail, "imports_syncrun_connect_mail_server"),
        _step("Connect Beeper", chats, "imports_syncrun_connect_beeper"),
    ]


def _step(title: str, note: str, page: str, place: str = "") -> Step:
    return {"title": title, "note": note, "url": f"{reverse(f'admin:{page}')}{place}"}
