"""Text that only the application can read: AES-256-GCM, bound to its row, under keys that can be changed.

A stored value is `v1:<key id>:<base64 of nonce and ciphertext>`. The first key of FIELD_KEYS writes, all of them read;
`rotate_keys` rewrites values of older keys. What the value belongs to (`bound_to`) is authenticated with it, so a value
that was copied to another row cannot be read there.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import models

VERSION = "v1"
NONCE_BYTES = 12


class Unreadable(Exception):
    """A stored secret cannot be decrypted: its key is missing from FIELD_KEYS, or the value belongs to another row."""


@dataclass(frozen=True, repr=False)
class Sealed:
    """A secret as it is stored; empty text is no secret. Shows nothing of itself when printed or logged."""

    text: str = ""

    def __bool__(self) -> bool:
        return bool(self.text)

    def __repr__(self) -> str:
        return "Sealed(***)" if self.text else "Sealed()"

    @property
    def key_id(self) -> str:
        return self.text.split(":")[1] if self.text else ""


def keys() -> dict[str, bytes]:
    """Return the keys of FIELD_KEYS by their ids, the one that writes first."""
    pairs = (entry.split(":", 1) for entry in settings.FIELD_KEYS)
    return {key_id: base64.b64decode(key) for key_id, key in pairs}


def seal(plain: str, *, bound_to: str) -> Sealed:
    """Encrypt `plain` with the first key so that it can be read only under the same `bound_to`."""
    if not plain:
        return Sealed()
    key_id, key = next(iter(keys().items()))
    nonce = os.urandom(NONCE_BYTES)
    ciphertext = AESGCM(key).encrypt(nonce, plain.encode(), bound_to.encode())
    return Sealed(f"{VERSION}:{key_id}:{base64.b64encode(nonce + ciphertext).decode()}")


def unseal(sealed: Sealed, *, bound_to: str) -> str:
    """Decrypt; raises Unreadable, whose message never holds the value."""
    if not sealed:
        return ""
    version, _, rest = sealed.text.partition(":")
    key_id, _, encoded = rest.partition(":")
    key = keys().get(key_id)
    if version != VERSION or key is None:
        raise Unreadable(f"There is no key {key_id!r} in FIELD_KEYS.")
    try:
        content = base64.b64decode(encoded, validate=True)
        return AESGCM(key).decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], bound_to.encode()).decode()
    except (InvalidTag, ValueError):
        raise Unreadable(f"The value does not fit the key {key_id!r} and this row.") from None


class SealedField(models.TextField):  # type: ignore[type-arg]
    """A column of sealed text; takes and gives `Sealed`, never plain text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"blank": True, "default": Sealed, "db_default": "", **options, "editable": False})

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        for implied in ("blank", "default", "editable"):
            options.pop(implied, None)
        return name, path, args, options

    def from_db_value(self, value: str | None, *_: Any) -> Sealed:
        return Sealed(value or "")

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, Sealed):
            return value.text
        if value in (None, "") or hasattr(value, "resolve_expression"):  # the column's default holds nothing
            return super().get_prep_value(value)
        raise TypeError(f"{self.name} takes sealed values only.")

    def value_to_string(self, obj: models.Model) -> str:
        """Serialised data (`dumpdata`) carries no secrets."""
        return ""
