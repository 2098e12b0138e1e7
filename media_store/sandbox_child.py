"""A child of the sandbox: reads pictures from stdin, writes WebP to stdout, until stdin ends.

Both directions are frames: one byte, a length of four bytes (big-endian), the content. It has no secrets in its
environment, no database, no open files, and imports nothing of ours but `processing` and `optimizing`.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
import sys
from typing import IO

from PIL import AvifImagePlugin, Image

from media_store.optimizing import optimized_webp
from media_store.processing import ImageRefused, square_webp

FRAME = struct.Struct(">cI")
SQUARE, OPTIMIZED, OPTIMIZED_SQUARE = b"p", b"o", b"s"
DONE, REFUSED = b"d", b"r"

MEMORY_BYTES = 512 * 1024 * 1024
CPU_SECONDS = 10
OPEN_FILES = 32

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38


def confine(parent: int) -> None:
    """Give up what decoding does not need; exit at once if the parent has already died."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(0)
    limits = {
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))


def allow_cpu(seconds: int) -> None:
    """Let the kernel end this process after so many more seconds of computing."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (used + seconds + 1, hard))


def serve(pictures: IO[bytes], results: IO[bytes]) -> None:
    """Answer every picture with a frame DONE (WebP) or REFUSED (verdict, newline, message)."""
    while header := pictures.read(FRAME.size):
        wish, length = FRAME.unpack(header)
        allow_cpu(CPU_SECONDS)
        kind, answer = answer_to(pictures.read(length), wish=wish)
        results.write(FRAME.pack(kind, len(answer)) + answer)
        results.flush()


def answer_to(content: bytes, *, wish: bytes = SQUARE) -> tuple[bytes, bytes]:
    try:
        if wish == SQUARE:
            return DONE, square_webp(content)
        return DONE, optimized_webp(content, is_square=wish == OPTIMIZED_SQUARE)
    except ImageRefused as refusal:
        return REFUSED, f"{refusal.verdict}\n{refusal}".encode()
    except Exception as error:  # noqa: BLE001 (whatever a decoder raises on bytes from strangers, the answer is no)
        return REFUSED, f"not_an_image\nThe picture cannot be decoded ({type(error).__name__}).".encode()


def main() -> None:
    Image.init()
    # Threads would each reserve memory against the limit.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    confine(parent=int(sys.argv[1]))
    serve(sys.stdin.buffer, sys.stdout.buffer)
