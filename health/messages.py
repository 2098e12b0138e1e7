"""Suggested messages: texts of the owner's own with placeholders, one for each reason to write."""

from __future__ import annotations

import re
from collections.abc import Mapping

from health.models import MessageTemplate, RelationshipHealth

Context = MessageTemplate.Context

DEFAULTS: Mapping[str, str] = {
    Context.RESCHEDULED: (
        "Hello {first_name}, our meeting had to move more than once. Shall we find a time that really suits you, "
        "or would a short call this week be easier?"
    ),
    Context.IGNORED: (
        "Hello {first_name}, I wrote a few times and may have come at a bad moment. Is this still of interest to you? "
        "A word is enough, and I will follow your lead."
    ),
    Context.GENERAL: (
        "Hello {first_name}, it has been {days} days since we were last in touch, and I was thinking of you. "
        "How are things?"
    ),
}

PLACEHOLDERS = ("name", "first_name", "organization", "days")
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def ensure_templates(owner_id: int) -> None:
    """Give the owner the usual texts, to be changed, where they have none."""
    rows = [MessageTemplate(owner_id=owner_id, context=context, text=text) for context, text in DEFAULTS.items()]
    MessageTemplate.objects.bulk_create(rows, ignore_conflicts=True)


def texts_of(owner_id: int) -> dict[str, str]:
    """Return the text for each context, the owner's own or the usual one."""
    own = MessageTemplate.objects.filter(owner_id=owner_id).values_list("context", "text")
    return {**DEFAULTS, **dict(own)}


def unknown_placeholders(text: str) -> list[str]:
    return sorted(set(PLACEHOLDER.findall(text)) - set(PLACEHOLDERS))


def suggestion(health: RelationshipHealth, texts: Mapping[str, str]) -> str:
    """Return what could be written to this contact, empty without a reason; of a text's braces only ours count."""
    contact = health.contact
    if contact is None or health.message_context not in texts:
        return ""
    words = {
        "name": contact.display_name,
        "first_name": contact.given_name or contact.display_name,
        "organization": contact.organization.name if contact.organization else "",
        "days": str(health.days_since_contact or 0),
    }
    return PLACEHOLDER.sub(lambda found: words.get(found[1], found[0]), texts[health.message_context])
