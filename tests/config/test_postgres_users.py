from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import psutil
import pytest

from config.postgres import server, users
from config.postgres.layout import Layout
from tests.embedded import first_line, process, query, scratch

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def shared() -> Iterator[Layout]:
    with scratch() as layout:
        yield layout


@pytest.fixture
def layout(shared: Layout) -> Iterator[Layout]:
    """A running server that nobody uses."""
    server.ensure_running(shared)
    yield shared
    users.release(shared)


def test_a_server_in_use_is_not_stopped(layout: Layout) -> None:
    with process(layout, "use") as user:
        first_line(user)
        assert users.stop_if_unused(layout) is False
        assert query(layout, "select 1") == [(1,)]


def test_a_user_that_was_killed_counts_no_more(layout: Layout) -> None:
    with process(layout, "use") as user:
        first_line(user)
        user.send_signal(signal.SIGKILL)
        user.wait()
        assert users.stop_if_unused(layout) is True
    assert server.find(layout) is None


def test_a_forked_child_keeps_the_server_after_its_parent_was_killed(layout: Layout) -> None:
    with process(layout, "fork") as user:
        first_line(user)
        while not (children := psutil.Process(user.pid).children()):
            time.sleep(0.01)
        user.kill()
        user.wait()
        assert users.stop_if_unused(layout) is False
        for child in children:
            child.kill()
        psutil.wait_procs(children, timeout=5)
        assert users.stop_if_unused(layout) is True


def test_the_last_of_two_owners_stops_it(layout: Layout) -> None:
    with process(layout, "own") as other:
        first_line(other)
        with users.owning(layout):
            pass
        assert query(layout, "select 1") == [(1,)]
        assert other.stdin
        other.stdin.close()
        assert other.wait(20) == 0
    assert server.find(layout) is None


def test_an_owner_stops_it_after_an_error(layout: Layout) -> None:
    with pytest.raises(ZeroDivisionError), users.owning(layout):
        raise ZeroDivisionError
    assert server.find(layout) is None


def test_a_user_that_comes_while_it_is_being_stopped_gets_a_server(layout: Layout) -> None:
    for _ in range(3):
        with process(layout, "use") as user:
            users.stop_if_unused(layout)
            pid = int(first_line(user))
            found = server.find(layout)
            assert found
            assert (found.pid, found.is_ready) == (pid, True)
