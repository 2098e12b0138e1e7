"""The settings of a worker that a test starts: those of the test, passed on by the environment."""

from __future__ import annotations

from config.settings import *  # noqa: F403

CHAT_WINDOW_DAYS = 3_650
