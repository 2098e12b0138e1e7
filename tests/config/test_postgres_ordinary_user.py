"""The embedded server of an ordinary user; where the tests run as root, a child becomes one."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.postgres.layout import SOCKET_PATH_LIMIT, Layout
from tests.embedded import ROOT, scratch

pytestmark = pytest.mark.processes

ORDINARY = "nobody"

# The modules are imported before the change of user, who may not be able to read the checkout.
SCRIPT = """
import os, stat, sys
from pathlib import Path
from config.postgres import server, users
from config.postgres.layout import Layout
from tests.embedded import become, query

base_dir, copies = Path(sys.argv[1]), Path(sys.argv[2])
if os.geteuid() == 0:
    import psycopg, psycopg_binary  # noqa
    become("nobody", Layout(copies, copies / "binaries"))
layout = Layout.of(base_dir)
with users.owning(layout):
    assert query(layout, "select lower('ÉÀ')") == [("éà",)]
    assert stat.S_IMODE(layout.data.stat().st_mode) == 0o700
    assert server.find(layout)
assert server.find(layout) is None
print(layout.sockets)
"""


@pytest.fixture
def base_dir() -> Iterator[Path]:
    """A folder that an ordinary user owns, with a space and a quote in its path."""
    folder = Path(tempfile.mkdtemp(prefix="kith test'", dir="/tmp"))
    if os.geteuid() == 0:
        account = pwd.getpwnam(ORDINARY)
        os.chown(folder, account.pw_uid, account.pw_gid)
    yield folder
    shutil.rmtree(folder)


def run_as_ordinary_user(base_dir: Path) -> Path:
    """Start, use and stop the server of `base_dir`; return the folder of its socket."""
    with scratch() as copies:
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(base_dir), str(copies.home)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert run.returncode == 0, run.stderr
    return Path(run.stdout.strip())


def test_it_lives_in_the_checkout_even_if_its_path_has_spaces_and_quotes(base_dir: Path) -> None:
    run_as_ordinary_user(base_dir)
    owner = (base_dir / "var" / "postgres" / "data").stat().st_uid
    assert owner == base_dir.stat().st_uid != 0


def test_a_checkout_too_deep_for_a_socket_has_it_in_a_short_folder(base_dir: Path) -> None:
    deep = base_dir / ("d" * 120)
    sockets = run_as_ordinary_user(deep)
    assert len(os.fsencode(sockets / ".s.PGSQL.5432")) <= SOCKET_PATH_LIMIT
    assert deep not in sockets.parents
    shutil.rmtree(sockets)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has such a server")
def test_roots_server_is_outside_the_checkout_and_not_roots(tmp_path: Path) -> None:
    before = tmp_path.stat().st_mode
    with scratch() as layout:
        from config.postgres import server

        found = server.ensure_running(layout)
        assert layout.home.parent == Path("/var/lib/kith")
        assert layout.data.stat().st_uid != 0
        status = Path(f"/proc/{found.pid}/status").read_text()
    assert "\nUid:\t0\t" not in status
    assert tmp_path.stat().st_mode == before
    assert Layout.of(tmp_path).home != layout.home
