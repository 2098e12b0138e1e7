from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from config.postgres import django_database, embedded_database, server, users
from config.postgres.layout import Layout
from tests.embedded import first_line, process, query, scratch

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def shared() -> Iterator[Layout]:
    with scratch() as layout:
        yield layout


@pytest.fixture
def layout(shared: Layout, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A server that the command works on; it does not run."""
    monkeypatch.setattr(settings, "DATABASES", {"default": embedded_database(shared)})
    server.stop(shared)
    return shared


def pg(*words: str) -> tuple[int, str]:
    """Run the command and return its exit code and output."""
    out = StringIO()
    try:
        call_command("pg", *words, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_status_says_whether_it_runs(layout: Layout) -> None:
    assert pg("status")[0] == 1
    assert pg("start")[0] == 0
    code, out = pg("status", "--json")
    assert code == 0
    state = json.loads(out)
    found = server.find(layout)
    assert found
    assert (state["running"], state["ready"], state["pid"]) == (True, True, found.pid)
    assert pg("stop")[0] == 0
    code, out = pg("status", "--json")
    assert (code, json.loads(out)["running"]) == (1, False)


def test_run_gives_the_commands_exit_code_and_stops_the_server(layout: Layout) -> None:
    script = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1]); sys.exit(5)"
    server_socket = str(layout.sockets / ".s.PGSQL.5432")
    assert pg("run", "--", sys.executable, "-c", script, server_socket)[0] == 5
    assert server.find(layout) is None


def test_run_passes_options_and_a_second_dashes_on(layout: Layout) -> None:
    assert pg("run", "--", "sh", "-c", '[ "$1 $2" = "--json --" ]', "sh", "--json", "--")[0] == 0


def test_run_leaves_the_server_to_others_who_use_it(layout: Layout) -> None:
    with process(layout, "use") as user:
        first_line(user)
        assert pg("run", "--", "true")[0] == 0
        assert query(layout, "select 1") == [(1,)]


def test_run_of_a_command_that_is_not_there_says_so_and_stops_the_server(layout: Layout) -> None:
    with pytest.raises(CommandError, match="no-such-program"):
        pg("run", "--", "no-such-program")
    assert server.find(layout) is None


def test_stop_refuses_while_it_is_used_unless_forced(layout: Layout) -> None:
    with process(layout, "use") as user:
        first_line(user)
        with pytest.raises(CommandError, match="in use"):
            pg("stop")
        assert pg("stop", "--force")[0] == 0
    assert server.find(layout) is None


def test_a_server_of_your_own_is_not_managed(monkeypatch: pytest.MonkeyPatch) -> None:
    own = django_database("postgres://kith@db.example.com/kith", base_dir=Path("/nowhere"))
    monkeypatch.setattr(settings, "DATABASES", {"default": own})
    with pytest.raises(CommandError, match="of your own"):
        pg("start")
    assert pg("run", "--", "sh", "-c", "exit 3")[0] == 3


def test_loading_the_settings_and_checking_them_start_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "DATABASE_URL": "", "SECRET_KEY": "an-ordinary-key-" * 5}
    home = Layout.of(settings.BASE_DIR)
    before = server.find(home), home.home.exists()
    subprocess.run([sys.executable, "manage.py", "check"], env=environment, cwd=settings.BASE_DIR, check=True)
    assert (server.find(home), home.home.exists()) == before
    users.release(home)
