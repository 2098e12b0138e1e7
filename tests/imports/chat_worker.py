"""A worker for the tests of chats with real processes.

    python -m tests.imports.chat_worker QUEUE [MOMENT NUMBER]

Drains QUEUE again and again until its standard input is closed; with MOMENT it dies as by `kill -9` at that call, as
tests.imports.kill_at does.
"""

from __future__ import annotations

import os
import sys
import threading

import django


def wait_for_the_end(is_over: threading.Event) -> None:
    sys.stdin.read()
    is_over.set()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.imports.chat_settings")
    django.setup()
    from config.jobs.draining import drain, reap_all
    from imports.beeper import client
    from imports.sync import chats
    from tests.imports.kill_at import die_at

    client.CHATS_ON_PAGE = 20
    chats.CHATS_AT_ONCE = 10
    if len(sys.argv) > 2:
        die_at(sys.argv[2], int(sys.argv[3]))
    is_over = threading.Event()
    threading.Thread(target=wait_for_the_end, args=(is_over,), daemon=True).start()
    while not is_over.wait(0.05):
        reap_all()
        drain(sys.argv[1], seconds=5, is_ringing=False, stop=is_over)
