"""Write .env from .env.example with random secrets, readable by its owner alone; never over an existing one."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    text = (ROOT / ".env.example").read_text()
    made = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FIELD_KEYS": f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
    }
    for name, value in made.items():
        text = text.replace(f"\n{name}=\n", f"\n{name}={value}\n")
    # O_EXCL: of two setups at once one writes it, and the other keeps that one's secrets.
    try:
        descriptor = os.open(ROOT / ".env", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
