"""`make setup` on machines that lack things; the programs on PATH are small stand-ins."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TOOLS = ("sh", "sed", "cat", "cksum", "tr", "dirname", "rm", "make", "printf", "mkdir", "chmod", "env", "ln")

# Passes for a Python, makes a virtual environment of one symbolic link, and notes what would have been installed.
GOOD_PYTHON = f"""#!/bin/sh
case "$*" in
*sys.executable*) echo "$0" ;;
"-m venv .venv") mkdir -p .venv/bin && ln -s "$0" .venv/bin/python ;;
"-m pip install"*) echo "$*" >>installed ;;
*) exec "{sys.executable}" "$@" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fresh clone in a folder with a space, and an empty PATH beside it."""
    folder = tmp_path / "a b"
    (folder / "requirements").mkdir(parents=True)
    (folder / "requirements" / "dev.txt").write_text("django==5.2.19\n")
    for name in ("Makefile", ".env.example"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (tmp_path / "bin" / tool).symlink_to(found)
    return folder


def program(checkout: Path, name: str, text: str) -> None:
    path = checkout.parent / "bin" / name
    path.write_text(text)
    path.chmod(0o755)


def make(checkout: Path, target: str = "setup") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(checkout.parent / "bin" / "make"), target],
        cwd=checkout,
        env={"PATH": str(checkout.parent / "bin")},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def test_make_alone_lists_the_targets() -> None:
    run = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("setup", "demo", "serve", "test", "check", "bench", "faults", "lock", "format", "clean"):
        assert f"make {target} " in run.stdout


def test_without_python_it_says_what_is_needed(checkout: Path) -> None:
    run = make(checkout)
    assert run.returncode != 0
    assert "setup: Python 3.11 or newer is needed" in run.stderr


def test_a_python_that_only_prints_an_error_or_is_too_old_is_passed_over(checkout: Path) -> None:
    program(checkout, "python3.13", "#!/bin/sh\necho 'pyenv: python3.13: command not found' >&2\nexit 127\n")
    program(checkout, "python3.12", "#!/bin/sh\nexit 0\n")
    program(checkout, "python3", GOOD_PYTHON)
    run = make(checkout)
    assert run.returncode == 0, run.stderr
    assert (checkout / ".venv" / "bin" / "python").exists()


def test_a_python_without_venv_names_the_package_of_debian(checkout: Path) -> None:
    program(checkout, "python3", GOOD_PYTHON.replace('"-m venv .venv")', "*ensurepip*) exit 1 ;;\n-m-venv)"))
    run = make(checkout)
    assert run.returncode != 0
    assert "python3-venv" in run.stderr


def test_the_environment_is_made_again_only_when_the_lock_changes(checkout: Path) -> None:
    program(checkout, "python3", GOOD_PYTHON)
    for _ in range(2):
        assert make(checkout).returncode == 0
    assert len((checkout / "installed").read_text().splitlines()) == 1
    (checkout / "requirements" / "dev.txt").write_text("django==5.2.20\n")
    assert make(checkout).returncode == 0
    installs = (checkout / "installed").read_text().splitlines()
    assert len(installs) == 2
    assert all("--require-hashes" in line for line in installs)


def test_the_env_file_has_a_secret_is_private_and_never_replaced(checkout: Path) -> None:
    program(checkout, "python3", GOOD_PYTHON)
    assert make(checkout).returncode == 0
    env = checkout / ".env"
    key = next(line for line in env.read_text().splitlines() if line.startswith("SECRET_KEY="))
    assert len(key.removeprefix("SECRET_KEY=")) >= 50
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    env.write_text("SECRET_KEY=mine\n")
    assert make(checkout).returncode == 0
    assert env.read_text() == "SECRET_KEY=mine\n"


@pytest.mark.parametrize("name", ["base", "dev"])
def test_the_locks_are_hashed_and_name_no_registry(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    pins = [line for line in text.splitlines() if line and line[0] not in "# "]
    assert pins
    assert all("==" in line for line in pins)
    assert "://" not in text
    assert text.count("--hash=sha256:") >= len(pins)


def test_the_build_machines_script_can_be_run() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=True)
