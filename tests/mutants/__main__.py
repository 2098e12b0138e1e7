"""`make mutants`: apply each mutation to a copy of the tree, run its test, demand that it fails, and report.

`python -m tests.mutants [WORD…]` runs only the mutations whose rows or tests hold one of the words.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

from tests import database
from tests.mutants.pages import PAGE_GUARDS
from tests.mutants.table import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]
PARALLEL = 2
# For all tests without a mutation, for one with it, and for one whose mutation lets it wait for ever.
ALL_SECONDS, SECONDS, HANGING_SECONDS = 3_600, 900, 90
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "node_modules", "var", "__pycache__", ".*_cache", ".hypothesis")

# How pytest ends when tests ran and failed; anything else is no proof.
FAILED = 1


def survivors(mutants: Sequence[Mutant]) -> list[str]:
    """Return what is wrong with each mutation that no test noticed, or whose text or test is no longer there."""
    copies: SimpleQueue[Path] = SimpleQueue()
    with ExitStack() as stack:
        stack.enter_context(database.server())
        for _ in range(PARALLEL):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "tree"
            shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
            copies.put(folder)
        untouched = run_tests(copies, sorted({mutant.test for mutant in mutants}))
        if untouched:
            return [f"The tests fail without any mutation:\n{untouched}"]
        os.environ["KITH_TEMPLATE"] = "kept"  # no mutation changes a table
        with ThreadPoolExecutor(PARALLEL) as threads:
            return [fault for fault in threads.map(lambda mutant: judge(mutant, copies), mutants) if fault]


def run_tests(copies: SimpleQueue[Path], tests: Sequence[str]) -> str:
    """Return the end of pytest's output if these tests fail in a copy."""
    folder = copies.get()
    ended = pytest(folder, tests, seconds=ALL_SECONDS)
    copies.put(folder)
    return "" if ended.returncode == 0 else ended.stdout[-3_000:]


def judge(mutant: Mutant, copies: SimpleQueue[Path]) -> str:
    """Return nothing when the mutant was noticed, else why not."""
    folder = copies.get()
    file = folder / mutant.file
    before = file.read_text()
    try:
        if before.count(mutant.old) != 1:
            return f"{mutant}: the text is there {before.count(mutant.old)} times"
        file.write_text(before.replace(mutant.old, mutant.new))
        ended = pytest(folder, [mutant.test], seconds=HANGING_SECONDS if mutant.hangs else SECONDS)
    except subprocess.TimeoutExpired:
        print("." if mutant.hangs else "S", end="", flush=True)
        return "" if mutant.hangs else f"{mutant}: no answer in {SECONDS} s"
    finally:
        file.write_text(before)
        copies.put(folder)
    # Errors of fixtures also end with 1 and prove nothing.
    summary = (ended.stdout.strip().splitlines() or ["nothing"])[-1]
    is_noticed = ended.returncode == FAILED and " failed" in summary
    print("." if is_noticed else "S", end="", flush=True)
    return "" if is_noticed else f"{mutant}: survived (pytest ended with {ended.returncode}: {summary})"


def pytest(folder: Path, tests: Sequence[str], *, seconds: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]
    place = {**os.environ, "DATABASE_URL": database.url()}
    return subprocess.run(command, cwd=folder, env=place, capture_output=True, text=True, timeout=seconds, check=False)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    words = sys.argv[1:]
    chosen = [mutant for mutant in [*MUTANTS, *PAGE_GUARDS] if not words or any(word in str(mutant) for word in words)]
    started_at = time.monotonic()
    faults = survivors(chosen)
    print(*(f"\n{fault}" for fault in faults))
    print(f"{len(chosen) - len(faults)} of {len(chosen)} mutations noticed in {time.monotonic() - started_at:.0f} s.")
    sys.exit(bool(faults))


main()
