"""Make a new data folder, all or nothing."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from config.postgres.binaries import Binaries
from config.postgres.layout import DATABASE, SUPERUSER, Layout, PostgresFailure


def initialise(layout: Layout, binaries: Binaries) -> None:
    """Make the data folder with the role and the database in it; the caller holds the start lock.

    Everything is made in `data.partial` and renamed at the end, so a killed start leaves nothing half done. The role
    and the database are written by the single-user server, before anything can connect.
    """
    partial = layout.home / "data.partial"
    shutil.rmtree(partial, ignore_errors=True)
    layout.make_private(partial)
    account = layout.account()
    password = secrets.token_hex(32)
    _write_private(layout.passfile, f"*:*:*:*:{password}\n", account)
    password_for_initdb = layout.home / "initdb.password"
    _write_private(password_for_initdb, password, account)
    try:
        _run([binaries.initdb, *_initdb_options(layout, binaries, password_for_initdb), "-D", str(partial)], layout)
    finally:
        password_for_initdb.unlink(missing_ok=True)
    statements = (
        f"create role {DATABASE} login createdb password '{password}'\ncreate database {DATABASE} owner {DATABASE}\n"
    )
    _run([binaries.postgres, "--single", "-D", str(partial), "postgres"], layout, stdin=statements)
    partial.rename(layout.data)


def _initdb_options(layout: Layout, binaries: Binaries, password_file: Path) -> list[str]:
    options = [f"--username={SUPERUSER}", "--encoding=UTF8", "--auth=scram-sha-256", f"--pwfile={password_file}"]
    if binaries.major >= 17:  # the builtin provider folds case as Unicode does, without the machine's locales
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    else:
        options += ["--locale=C.UTF-8"]
    if layout.is_throwaway:
        options += ["--no-sync"]
    return options


def environment() -> dict[str, str]:
    """Return the environment for PostgreSQL's programs: nothing of the caller's locale, time zone or PG* settings."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def as_account(account: pwd.struct_passwd | None) -> dict[str, object]:
    """Return the arguments that make subprocess run a program as `account`; None is ourselves."""
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _run(command: Sequence[str], layout: Layout, *, stdin: str = "") -> None:
    try:
        run = subprocess.run(  # type: ignore[call-overload]  # noqa: S603
            command,
            input=stdin,
            capture_output=True,
            text=True,
            cwd=layout.home,
            env=environment(),
            umask=0o077,
            **as_account(layout.account()),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise PostgresFailure(f"{Path(command[0]).name} could not be started: {error}") from error
    if run.returncode != 0 or "ERROR:" in run.stderr:
        raise PostgresFailure(f"{Path(command[0]).name} failed:\n{(run.stderr or run.stdout).strip()}")


def _write_private(path: Path, text: str, account: pwd.struct_passwd | None) -> None:
    """Write a file that only the server's account (and root) can read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    if account:
        os.chown(path, account.pw_uid, account.pw_gid)
