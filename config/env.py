"""Read the environment so that every fault is reported at once.

`Env` is environs' file-aware reader: any variable `NAME` may instead come from the file named by `NAME_FILE`.
Parsing is lazy; `seal_or_exit` lists all faults together and stops the start.
"""

from __future__ import annotations

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from environs import EnvValidationError, FileAwareEnv


def read_env(dotenv: Path) -> FileAwareEnv:
    """Return a reader over the process environment, filled up from `dotenv` where that file exists."""
    env = FileAwareEnv(eager=False)
    if dotenv.is_file():
        env.read_env(str(dotenv), recurse=False)
    return env


def seal(env: FileAwareEnv) -> None:
    """Raise ImproperlyConfigured with one line for each setting that is missing or wrong."""
    try:
        env.seal()
    except EnvValidationError as error:
        faults = [f"  {name}: {' '.join(messages)}" for name, messages in sorted(error.error_messages.items())]
        raise ImproperlyConfigured("The settings have faults:\n" + "\n".join(faults)) from None
