"""Where the files of an embedded server are, and which account owns them."""

from __future__ import annotations

import hashlib
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

DATABASE = "kith"  # also the name of the role
SUPERUSER = "postgres"

ROOT_HOME = Path("/var/lib/kith")
SHORT_FOLDER = Path("/tmp")  # noqa: S108 - the folder below it is checked for its owner before each start
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_LIMIT = 100  # bytes; the kernel's is 107, and the lock file beside the socket has a longer name


class PostgresFailure(Exception):
    """The embedded server cannot do what was asked; the message says why and what to do, in plain English."""


@dataclass(frozen=True)
class Layout:
    """The files of one embedded server.

    PostgreSQL refuses to run as root. For root everything is therefore below /var/lib, owned by an account without
    rights: that account may not be able to enter the checkout, and the rights of its parents are not ours to change.
    """

    home: Path
    copied_binaries: Path
    is_throwaway: bool = False  # for tests: no fsync, and made anew after a crash

    @classmethod
    def of(cls, base_dir: Path, *, is_throwaway: bool = False) -> Layout:
        """Return the layout of the checkout at `base_dir`: its server, or the one that only its tests use."""
        home = ROOT_HOME / _digest(base_dir) if os.geteuid() == 0 else base_dir / "var" / "postgres"
        return cls(home / "test" if is_throwaway else home, home / "binaries", is_throwaway)

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "log" / "postgres.log"

    @property
    def passfile(self) -> Path:
        """libpq's password file, for `passfile` and PGPASSFILE."""
        return self.home / "passfile"

    @property
    def start_lock(self) -> Path:
        return self.home / "start.lock"

    @property
    def users_lock(self) -> Path:
        return self.home / "users.lock"

    @property
    def sockets(self) -> Path:
        """The folder of the Unix socket: below `home`, or in /tmp where that path is too long for a socket.

        libpq splits a host at commas and PostgreSQL its folders at commas and quotes, so these go to /tmp too.
        """
        folder = self.home / "run"
        is_plain = not set(str(folder)) & {",", '"'}
        if is_plain and len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_PATH_LIMIT:
            return folder
        return SHORT_FOLDER / f"kith-{os.geteuid()}-{_digest(self.home)}"

    def account(self) -> pwd.struct_passwd | None:
        """Return the account that the server runs as, or None for our own.

        For root: the owner of the data, else an account without rights that this machine already has.
        """
        if os.geteuid() != 0:
            return None
        owner = self.data.stat().st_uid if self.data.exists() else 0
        accounts = [account for account in pwd.getpwall() if account.pw_uid == owner != 0]
        for name in ("postgres", "nobody"):
            accounts += [account for account in pwd.getpwall() if account.pw_name == name]
        if accounts:
            return accounts[0]
        raise PostgresFailure(
            "PostgreSQL does not run as root, and this machine has neither the account `postgres` nor `nobody`. "
            "Run Kith as an ordinary user, or set DATABASE_URL."
        )

    def make_folders(self) -> None:
        """Make what a start needs; only the folders that the server itself writes to belong to its account."""
        make_folder(self.home)
        for folder in (self.log.parent, self.sockets):
            self.make_private(folder)

    def make_private(self, folder: Path) -> None:
        """Make `folder` for the server's account alone; raise PostgresFailure if it is there and another's."""
        account = self.account()
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            pass
        else:
            if account:
                os.chown(folder, account.pw_uid, account.pw_gid)
        owner = account.pw_uid if account else os.geteuid()
        found = folder.lstat()
        if folder.is_symlink() or found.st_uid != owner or found.st_mode & 0o077:
            raise PostgresFailure(
                f"{folder} should be a folder that only the server can enter. Remove it, start again."
            )


def make_folder(folder: Path) -> None:
    """Make `folder` and what is missing above it; for root so that the server's account can enter, whatever our umask.

    Folders that are there already keep their rights.
    """
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            missing.chmod(0o755)


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
