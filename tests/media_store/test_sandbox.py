"""Whatever a picture does to its decoder costs that one picture; real child processes, real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from media_store import sandbox as sandbox_module
from media_store.processing import ImageRefused
from media_store.sandbox import ROOT, Sandbox, SandboxUnavailable
from tests.factories import draw_image

pytestmark = pytest.mark.processes

# A child that does what the picture says, for what no picture of today's decoders can be made to do.
MISCHIEF = """
import sys; sys.path.insert(0, sys.argv[2])
import os, time
from media_store import sandbox_child
decode = sandbox_child.square_webp
def square_webp(content):
    deeds = {
        b"crash": lambda: os.abort(), b"hang": lambda: time.sleep(60), b"exit": lambda: os._exit(3),
        b"kill": lambda: os.kill(os.getpid(), 9), b"memory": lambda: b"x" * 700_000_000,
        b"environment": lambda: repr(dict(os.environ)).encode(), b"loop": lambda: loop(),
        b"file": lambda: os.write(os.memfd_create("x"), b"x"),
    }
    return deeds[content]() if content in deeds else decode(content)
def loop():
    while True: pass
sandbox_child.square_webp = square_webp
sandbox_child.main()
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    pool = Sandbox(size=1, seconds=20)
    yield pool
    pool.close()


@pytest.fixture
def mischievous(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setattr(sandbox_module, "BOOT", MISCHIEF)
    pool = Sandbox(size=1, seconds=20)
    yield pool
    pool.close()


def child_of(pool: Sandbox) -> int:
    child = pool._idle.get()
    pool._idle.put(child)
    assert child is not None
    return child.pid


def test_one_child_lives_for_many_pictures(sandbox: Sandbox) -> None:
    sandbox.square_webp(draw_image())
    first = child_of(sandbox)
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "AVIF"):
        assert sandbox.square_webp(draw_image(kind)).startswith(b"RIFF")
    assert child_of(sandbox) == first


def test_a_refused_picture_does_not_cost_the_child(sandbox: Sandbox) -> None:
    sandbox.square_webp(draw_image())
    first = child_of(sandbox)
    with pytest.raises(ImageRefused) as caught:
        sandbox.square_webp(b"<html>")
    assert caught.value.verdict == "not_an_image"
    assert child_of(sandbox) == first


def test_a_child_is_replaced_after_its_share_of_pictures(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_module, "PICTURES_PER_CHILD", 2)
    sandbox.square_webp(draw_image())
    first = child_of(sandbox)
    sandbox.square_webp(draw_image())
    sandbox.square_webp(draw_image())
    assert child_of(sandbox) != first
    assert not psutil.pid_exists(first)


@pytest.mark.parametrize("deed", [b"crash", b"memory", b"file"])
def test_a_crash_a_memory_bomb_or_a_written_file_costs_one_picture(deed: bytes, mischievous: Sandbox) -> None:
    with pytest.raises(ImageRefused):
        mischievous.square_webp(deed)
    assert mischievous.square_webp(draw_image()).startswith(b"RIFF")


def test_a_hang_is_ended_at_the_deadline(mischievous: Sandbox) -> None:
    mischievous.seconds = 1
    before = time.monotonic()
    with pytest.raises(ImageRefused, match="too long"):
        mischievous.square_webp(b"hang")
    assert time.monotonic() - before < 4
    mischievous.seconds = 20
    assert mischievous.square_webp(draw_image()).startswith(b"RIFF")


@pytest.mark.parametrize("deed", [b"kill", b"exit"])
def test_a_child_that_was_ended_from_outside_says_nothing_about_the_picture(deed: bytes, mischievous: Sandbox) -> None:
    with pytest.raises(SandboxUnavailable):
        mischievous.square_webp(deed)
    assert mischievous.square_webp(draw_image()).startswith(b"RIFF")


def test_a_child_that_died_while_idle_costs_nothing_but_that_try(sandbox: Sandbox) -> None:
    sandbox.square_webp(draw_image())
    os.kill(child_of(sandbox), signal.SIGKILL)
    with pytest.raises(SandboxUnavailable):
        sandbox.square_webp(draw_image())
    assert sandbox.square_webp(draw_image()).startswith(b"RIFF")


def test_a_child_sees_no_secrets(mischievous: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "do-not-tell")
    seen = mischievous.square_webp(b"environment").decode()
    assert "do-not-tell" not in seen
    assert "DATABASE_URL" not in seen


def test_a_child_has_its_limits(sandbox: Sandbox) -> None:
    sandbox.square_webp(draw_image())
    child = psutil.Process(child_of(sandbox))
    assert child.rlimit(psutil.RLIMIT_AS)[1] == 512 * 1024 * 1024
    assert child.rlimit(psutil.RLIMIT_FSIZE)[1] == 0
    assert child.rlimit(psutil.RLIMIT_NOFILE)[1] == 32
    assert 0 < child.rlimit(psutil.RLIMIT_CPU)[0] < 60  # -1 is no limit
    assert child.rlimit(psutil.RLIMIT_CORE)[1] == 0
    assert "\nNoNewPrivs:\t1\n" in Path(f"/proc/{child.pid}/status").read_text()
    assert "django" not in " ".join(mapped.path for mapped in child.memory_maps())


def test_a_child_outlives_the_thread_that_first_needed_it(sandbox: Sandbox) -> None:
    thread = threading.Thread(target=sandbox.square_webp, args=[draw_image()])
    thread.start()
    thread.join()
    first = child_of(sandbox)
    time.sleep(0.2)
    assert psutil.pid_exists(first)
    assert sandbox.square_webp(draw_image()).startswith(b"RIFF")
    assert child_of(sandbox) == first


def test_many_threads_share_few_children() -> None:
    pool = Sandbox(size=2, seconds=20)
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(pool.square_webp, [draw_image()] * 24))
    assert len(set(results)) == 1
    children = [child for _ in range(2) if (child := pool._idle.get()) is not None]
    assert 1 <= len(children) <= 2
    for child in children:
        child.end()


@pytest.mark.parametrize("deed", [b"hang", b"loop", b""])
def test_children_die_with_their_parent(deed: bytes) -> None:
    """Also those that are busy, and so do not see that nobody sends them anything any more."""
    program = (
        "import os, sys, signal, threading, time; sys.path.insert(0, sys.argv[1])\n"
        "from media_store import sandbox\n"
        "sandbox.BOOT = sys.argv[2]; pool = sandbox.Sandbox(size=1); pool.square_webp(sys.stdin.buffer.read())\n"
        "child = pool._idle.get(); pool._idle.put(child); print(child.pid, flush=True)\n"
        "threading.Thread(target=pool.square_webp, args=[sys.argv[3].encode()], daemon=True).start()\n"
        "time.sleep(0.3); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(ROOT), MISCHIEF, deed],
        input=draw_image(),
        stdout=subprocess.PIPE,
        check=False,
    )
    pid = int(ended.stdout.split()[-1])
    until = time.monotonic() + 5
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_forked_worker_uses_children_of_its_own(sandbox: Sandbox) -> None:
    sandbox.square_webp(draw_image())
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        webp = sandbox.square_webp(draw_image())
        os.write(writer, f"{child_of(sandbox)} {len(webp)}".encode())
        sandbox.close()
        os._exit(0)
    os.waitpid(pid, 0)
    theirs, length = map(int, os.read(reader, 100).split())
    os.close(reader)
    os.close(writer)
    assert theirs != child_of(sandbox)
    assert length == len(sandbox.square_webp(draw_image()))
