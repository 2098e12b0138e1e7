"""A digest as the JSON that an incoming webhook of Slack takes; Mattermost, Discord and others read its `text`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# https://docs.slack.dev/reference/block-kit/blocks/section-block and header-block
SECTION_MAX, HEADER_MAX = 3_000, 150


@dataclass(frozen=True)
class Section:
    """One heading with at most ten lines; `more` says how many were left out."""

    title: str
    lines: list[dict[str, str]] = field(default_factory=list)
    more: int = 0


def payload(subject: str, sections: list[Section]) -> dict[str, Any]:
    """Return a message with a block for each section; `text` says the same for notifications and other programs."""
    texts = [_mrkdwn(section) for section in sections]
    header = {"type": "header", "text": {"type": "plain_text", "text": subject[:HEADER_MAX]}}
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": text[:SECTION_MAX]}} for text in texts]
    return {"text": "\n\n".join([escape(subject), *texts]), "blocks": [header, *blocks]}


def _mrkdwn(section: Section) -> str:
    lines = [f"*{section.title}*"]
    for line in section.lines:
        lines.append(f"- <{line['url']}|{escape(line['title']).replace('|', '/')}> {escape(line['text'])}")
        if line.get("step"):
            lines.append(f"    {escape(line['step'])}")
    if section.more:
        lines.append(f"and {section.more} more")
    return "\n".join(lines)


def escape(text: str) -> str:
    """Escape what Slack would read as its own markup: a name must not become a link or call a whole channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
