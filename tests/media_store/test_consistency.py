"""Killed at any step of saving, deleting, collecting, moving or mending, the store never has a dangling reference.

Afterwards the doctor and the collector leave nothing over.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

# Every fourth step in everyday runs; KILL_STRIDE=1 kills at each (some minutes).
STRIDE = int(os.environ.get("KILL_STRIDE", "4"))
SOUND = {"dangling": [], "findings": [], "unused": [], "blobs": 0}


@pytest.mark.parametrize(("scenario", "least_steps"), [("save", 40), ("collect", 15), ("move", 20), ("mend", 20)])
def test_a_kill_at_any_step_leaves_nothing_dangling_and_nothing_over(
    scenario: str, least_steps: int, tmp_path: Path
) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.media_store.killed", scenario, str(tmp_path), str(STRIDE)],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
    )
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert run.returncode == 0, run.stderr[-2_000:]
    assert [line["killed"] for line in lines] == [True] * (len(lines) - 1) + [False]
    assert len(lines) > least_steps // STRIDE
    for line in lines:
        assert {key: line[key] for key in SOUND} == SOUND, line
