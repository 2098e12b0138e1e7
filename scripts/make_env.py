"""Write .env from .env.example with a random SECRET_KEY, readable by its owner alone; never over an existing one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECRETS = ("SECRET_KEY",)


def main() -> None:
    text = (ROOT / ".env.example").read_text()
    for name in SECRETS:
        text = text.replace(f"\n{name}=\n", f"\n{name}={secrets.token_urlsafe(50)}\n")
    # O_EXCL: of two setups at once one writes it, and the other keeps that one's secrets.
    try:
        descriptor = os.open(ROOT / ".env", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
