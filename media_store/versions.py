"""The version in a picture's name and address, by which browsers may keep it for ever."""

from __future__ import annotations

import re

VERSION_LENGTH = 16
VERSION = re.compile(r"[0-9a-f]{16}")


def picture_url(base_url: str, sha256: str) -> str:
    """Return the address of a picture with its version, the beginning of the hash; without one, the bare address."""
    if not sha256:
        return base_url
    return f"{base_url}{'&' if '?' in base_url else '?'}v={sha256[:VERSION_LENGTH]}"


def version_in(name: str) -> str:
    """Return the version in the name of a picture, `<16 hex of sha256>-<random>.webp`; empty where there is none."""
    version, dash, _ = name.rpartition("/")[2].partition("-")
    return version if dash and VERSION.fullmatch(version) else ""
