from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.request import urlopen

import psutil
import pytest
from django.conf import settings

from tests.factories import make_user

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def serving(port: int) -> Iterator[subprocess.Popen[str]]:
    """Run `manage.py serve` on the test database until it answers."""
    environment = {**os.environ, "BASE_URL": f"http://127.0.0.1:{port}", "DEBUG": "true"}
    command = [sys.executable, "manage.py", "serve", "--grace", "20"]
    child = subprocess.Popen(
        command,
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        wait_until(lambda: answers(port) and len(family(child.pid)) > 3)
        yield child
    finally:
        for process in family(child.pid):
            process.kill()
        child.kill()
        child.communicate()


def answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/admin/login/", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def family(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def are_gone(processes: list[psutil.Process]) -> bool:
    return not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in processes)


def test_ctrl_c_stops_the_web_and_the_workers_and_leaves_no_process() -> None:
    with serving(free_port()) as child:
        everyone = family(child.pid)
        commands = [" ".join(process.cmdline()) for process in everyone]
        assert any("gunicorn" in command for command in commands)
        assert any("qguard" in command for command in commands)
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=40)
        assert child.returncode == 0
        wait_until(lambda: are_gone(everyone), 10)
        assert "createsuperuser" in out


def test_when_the_web_dies_the_workers_are_stopped_and_the_exit_code_says_so() -> None:
    make_user("admin", is_superuser=True)
    with serving(free_port()) as child:
        everyone = family(child.pid)
        web = next(
            process for process in psutil.Process(child.pid).children() if "gunicorn" in " ".join(process.cmdline())
        )
        web.kill()
        out, _ = child.communicate(timeout=40)
        assert child.returncode == 1
        wait_until(lambda: are_gone(everyone), 10)
        assert "web ended" in out
        assert "createsuperuser" not in out


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_killed_outright_it_still_leaves_no_process() -> None:
    with serving(free_port()) as child:
        everyone = family(child.pid)
        child.kill()
        # The guard of the workers gives them its own 60 seconds to finish in before it kills them.
        wait_until(lambda: are_gone(everyone), 90)
