"""Remembers across runs what was believed, so that no mirror can go back behind it."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from tenku.base.errors import CorruptError, FolderError
from tenku.base.settings import user_folder
from tenku.content.minisign import PublicKey
from tenku.content.trust import Memory, decode_memory, encode_memory
from tenku.content.wholefile import write_whole

T = TypeVar("T")


def default_folder(environment: Mapping[str, str]) -> Path:
    """Where it is remembered for this user."""
    return user_folder(environment, "XDG_STATE_HOME", ".local/state") / "trust"


class MemoryFolder:
    """A private folder with one file for each pinned key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def file(self, pinned: PublicKey) -> Path:
        """The file of a pinned key; named after the whole key, as ids can be chosen."""
        return self._folder / f"{pinned.raw.hex()}.json"

    def read(self, pinned: PublicKey) -> Memory:
        """What is remembered; nothing where nothing was believed yet. Raises FolderError."""
        path = self.file(pinned)
        try:
            return decode_memory(path.read_bytes())
        except FileNotFoundError:
            return Memory()
        except CorruptError as error:
            raise FolderError(
                f"{path} is damaged: {error}",
                hint="It keeps mirrors from going back to old versions; remove it to begin anew.",
            ) from error
        except OSError as error:
            raise FolderError(f"{path} cannot be read: {error.strerror}.") from error

    def update(self, pinned: PublicKey, decide: Callable[[Memory], tuple[T, Memory]]) -> T:
        """Decide by what is remembered, and remember what follows; other processes wait meanwhile.

        Whatever `decide` raises is passed on, and nothing changes. Raises FolderError.
        """
        with self._locked(pinned):
            before = self.read(pinned)
            result, after = decide(before)
            if after != before:
                write_whole(self.file(pinned), encode_memory(after))
        return result

    @contextlib.contextmanager
    def _locked(self, pinned: PublicKey) -> Iterator[None]:
        path = self.file(pinned).with_suffix(".lock")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            raise FolderError(
                f"{path} cannot be written: {error.strerror}.", hint="What was believed has to be remembered there."
            ) from error
        try:
            yield
        finally:
            os.close(lock)
