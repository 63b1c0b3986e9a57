"""A private folder for one session's sockets and small files; gone with the session, however it ends."""

import fcntl
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tenku.base.errors import MachineError
from tenku.base.held import is_held

LOCK = "lock"
LONGEST_SOCKET = 107
"""Bytes that the path of a socket may have (sun_path of unix(7), less its end)."""
ROOM = 40
"""Bytes of those that are left for names in the folder."""


class RunFolder:
    """A folder that only this user can enter, locked for as long as this object (so: this process) lives.

    `path` stays under 68 bytes, so that the sockets in it can be named.
    """

    def __init__(self, base: Path) -> None:
        self._base = base
        self._lock: int | None = None
        self.path = base / secrets.token_hex(4)

    def make(self) -> Path:
        """Make and lock the folder."""
        if len(os.fsencode(self.path)) + 1 + ROOM > LONGEST_SOCKET:
            raise MachineError(
                f"{self.path} is too long a path for sockets to lie in.", hint="Set XDG_RUNTIME_DIR to a shorter one."
            )
        with _turn(self._base):
            self.path.mkdir(mode=0o700)
            self._lock = os.open(self.path / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self.path

    def close(self) -> None:
        """Remove the folder and all in it."""
        if self._lock is not None:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Path:
        return self.make()

    def __exit__(self, *_: object) -> None:
        self.close()


def run_base(environment: Mapping[str, str]) -> Path:
    """The folder in which run folders are made, made if missing, and this user's alone."""
    user = os.geteuid()
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    if runtime and _own_folder(Path(runtime), user):
        base = Path(runtime, "tenku")
    elif user == 0 and Path("/run").is_dir():
        base = Path("/run/tenku")
    else:
        base = Path(tempfile.gettempdir(), f"tenku-{user}")
    try:
        base.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise MachineError(
            f"The folder {base} cannot be made: {error.strerror}.", hint="Set XDG_RUNTIME_DIR to a folder of yours."
        ) from error
    if not _own_folder(base, user):  # in /tmp anybody may have made it first
        raise MachineError(f"The folder {base} belongs to somebody else.", hint="Set XDG_RUNTIME_DIR.")
    return base


def sweep(base: Path) -> list[Path]:
    """Remove the folders whose owners are dead; which those were."""
    removed = []
    with _turn(base):
        for path in base.iterdir():
            if path.is_dir() and not path.is_symlink() and not is_held(path / LOCK):
                # Where there is no lock, its owner died before it took it: nobody makes one while we have our turn.
                shutil.rmtree(path, ignore_errors=True)
                removed.append(path)
    return removed


@contextmanager
def _turn(base: Path) -> Iterator[None]:
    """One at a time may make or sweep folders in `base`."""
    turn = os.open(base / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield
    finally:
        os.close(turn)


def _own_folder(path: Path, user: int) -> bool:
    try:
        about = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(about.st_mode) and about.st_uid == user and not about.st_mode & 0o022
