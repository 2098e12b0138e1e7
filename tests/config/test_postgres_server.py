from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psutil
import psycopg
import pytest
from django.db import connections

from config.postgres import embedded_database, server
from config.postgres.base import DatabaseWrapper
from config.postgres.cluster import as_account
from config.postgres.layout import Layout, PostgresFailure
from tests.embedded import first_line, process, query, scratch

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def shared() -> Iterator[Layout]:
    with scratch() as layout:
        yield layout


@pytest.fixture
def layout(shared: Layout) -> Layout:
    """A server that was started once and may be in any state that a test before left it in."""
    server.ensure_running(shared)
    return shared


@pytest.fixture
def unborn() -> Iterator[Layout]:
    """A server that was never started."""
    with scratch() as layout:
        yield layout


def kill(layout: Layout) -> None:
    found = server.find(layout)
    assert found
    os.kill(found.pid, signal.SIGKILL)
    while server.find(layout):
        time.sleep(0.01)


def connect(layout: Layout) -> psycopg.Connection[object]:
    """Connect as Django does, which starts the server when it is needed."""
    configured = connections.configure_settings({"default": embedded_database(layout)})["default"]
    wrapper = DatabaseWrapper(configured, "scratch")
    connection: psycopg.Connection[object] = wrapper.get_new_connection(wrapper.get_connection_params())
    return connection


def test_the_application_has_its_database_but_not_the_cluster(layout: Layout) -> None:
    assert query(layout, "select current_user::text, current_database()::text") == [("kith", "kith")]
    assert query(layout, "select rolsuper, rolcreatedb from pg_roles where rolname = current_user") == [(False, True)]


def test_case_is_folded_as_unicode_does_whatever_the_locale_of_the_machine(layout: Layout) -> None:
    assert query(layout, "select lower('ÉÀŻ'), 'Ö' ilike 'ö'") == [("éàż", True)]


def test_it_listens_on_no_network(layout: Layout) -> None:
    found = server.find(layout)
    assert found
    tree = [psutil.Process(found.pid), *psutil.Process(found.pid).children()]
    assert [connection for each in tree for connection in each.net_connections("inet")] == []


def test_a_wrong_password_is_refused_on_the_socket_too(layout: Layout) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host=str(layout.sockets), dbname="kith", user="kith", password="guess", passfile="/dev/null")


def test_its_files_are_for_its_account_alone(layout: Layout) -> None:
    for path in (layout.data, layout.sockets, layout.log.parent, layout.passfile, layout.log):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_durability_is_on(layout: Layout) -> None:
    assert query(layout, "select current_setting('fsync'), current_setting('full_page_writes')") == [("on", "on")]


def test_a_connection_starts_the_server(unborn: Layout) -> None:
    assert server.find(unborn) is None
    with connect(unborn) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_several_first_starts_at_once_make_one_server(unborn: Layout) -> None:
    with ExitStack() as stack:
        children = [stack.enter_context(process(unborn, "start")) for _ in range(4)]
        pids = {first_line(child) for child in children}
        assert [child.wait(30) for child in children] == [0, 0, 0, 0]
    found = server.find(unborn)
    assert found
    assert pids == {str(found.pid)}


def test_a_start_that_was_killed_half_way_is_begun_again(unborn: Layout) -> None:
    unborn.make_folders()
    unborn.make_private(unborn.home / "data.partial")
    (unborn.home / "data.partial" / "PG_VERSION").write_text("18\n")
    server.ensure_running(unborn)
    assert query(unborn, "select 1") == [(1,)]


def test_a_killed_server_recovers_what_was_committed_at_the_next_connection(layout: Layout) -> None:
    query(layout, "create table if not exists kept (id int)")
    query(layout, "insert into kept values (7)")
    kill(layout)
    with connect(layout) as connection:
        assert connection.execute("select id from kept").fetchall() == [(7,)]


def test_a_pid_file_whose_number_another_process_has_now_is_stale(layout: Layout) -> None:
    lines = (layout.data / "postmaster.pid").read_text().splitlines()
    kill(layout)
    other = subprocess.Popen(["sleep", "60"], **as_account(layout.account()))  # type: ignore[call-overload]
    try:
        text = "\n".join([str(other.pid), *lines[1:]]) + "\n"
        (layout.data / "postmaster.pid").write_text(text)
        (layout.sockets / ".s.PGSQL.5432.lock").write_text(text)
        assert server.find(layout) is None
        assert server.stop(layout) is False
        server.ensure_running(layout)
        assert query(layout, "select 1") == [(1,)]
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_data_of_another_major_version_is_refused_and_left_alone(unborn: Layout) -> None:
    unborn.make_folders()
    unborn.make_private(unborn.data)
    (unborn.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(PostgresFailure, match=r"written by PostgreSQL 9, but the programs here are version \d+"):
        server.ensure_running(unborn)
    with pytest.raises(psycopg.OperationalError, match="written by PostgreSQL 9"):
        connect(unborn)
    assert [path.name for path in unborn.data.iterdir()] == ["PG_VERSION"]


def test_a_server_that_cannot_start_says_why(layout: Layout) -> None:
    server.stop(layout)
    configuration = layout.data / "postgresql.conf"
    before = configuration.read_text()
    configuration.write_text(before + "\nshared_buffers = nonsense\n")
    try:
        with pytest.raises(PostgresFailure, match=r"did not start.*\n.*shared_buffers"):
            server.ensure_running(layout)
    finally:
        configuration.write_text(before)


def test_a_socket_folder_that_somebody_else_put_there_is_refused(unborn: Layout) -> None:
    unborn.make_folders()
    shutil.rmtree(unborn.sockets)
    unborn.sockets.symlink_to(unborn.home)
    with pytest.raises(PostgresFailure, match="only the server can enter"):
        server.ensure_running(unborn)


def test_a_throwaway_server_is_made_anew_after_a_crash_because_it_does_not_sync() -> None:
    with scratch(is_throwaway=True) as layout:
        server.ensure_running(layout)
        assert query(layout, "select current_setting('fsync')") == [("off",)]
        (layout.data / "of-before").touch()
        kill(layout)
        server.ensure_running(layout)
        assert not (layout.data / "of-before").exists()
        assert query(layout, "select 1") == [(1,)]
