"""Web addresses and messenger names that strangers wrote."""

from __future__ import annotations

import re

from contacts.text import clean_line

LINK_MAX = 2000
BARE_HOST = re.compile(r"(?:[^\W_][\w-]{0,62}\.){1,8}[^\W\d_]{2,24}(?::\d{1,5})?(?:[/?#].*)?")
SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,40}):", re.IGNORECASE | re.ASCII)
UNSAFE_SCHEMES = frozenset(("javascript", "data", "vbscript", "file", "blob", "about", "content"))
NAME_SCHEMES = frozenset(("x-apple", "skype", "xmpp", "aim", "msnim", "ymsgr", "sip", "im", "icq", "gtalk", "jabber"))


def web_address(text: str) -> str:
    """Return an http or https address, or "" when `text` is none; `www.example.com` gets https."""
    text = clean_line(text[: LINK_MAX + 1])
    if not text or len(text) > LINK_MAX or " " in text:
        return ""
    if text[:8].lower().startswith(("http://", "https://")):
        return text if len(text.partition("//")[2].lstrip("/")) else ""
    return f"https://{text}" if len(text) <= LINK_MAX - 8 and BARE_HOST.fullmatch(text) else ""


def handle(text: str) -> str:
    """Return a messenger name or profile without its scheme (`skype:ann` is `ann`), "" for one that could run."""
    text = clean_line(text[:LINK_MAX]).lstrip("/")
    while (scheme := SCHEME.match(text)) is not None:
        name = scheme.group(1).lower()
        if name in UNSAFE_SCHEMES:
            return ""
        if name not in NAME_SCHEMES:
            break
        text = text[scheme.end() :].lstrip("/ ")
    return text
