"""The real settings with one more address, that of the rival of `bench serving`."""

from __future__ import annotations

from config.settings import *  # noqa: F403

ROOT_URLCONF = "bench.serving_urls"
