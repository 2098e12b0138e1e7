"""One of several processes whose threads all ask for the same access token: `python -m … ACCOUNT THREADS`."""

from __future__ import annotations

import os
import sys
import threading


def main(account_id: str, threads: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from uuid import UUID

    from django.db import connection
    from django.utils import timezone

    from imports.accounts.grants import access_token

    found: list[str] = []
    together = threading.Barrier(threads + 1)

    def ask() -> None:
        connection.ensure_connection()
        together.wait()
        try:
            found.append(access_token(UUID(account_id), now=timezone.now()))
        finally:
            connection.close()

    asking = [threading.Thread(target=ask) for _ in range(threads)]
    for thread in asking:
        thread.start()
    print("ready", flush=True)
    sys.stdin.readline()
    together.wait()
    for thread in asking:
        thread.join()
    print("\n".join(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
