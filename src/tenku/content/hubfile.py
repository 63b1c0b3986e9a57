"""One file from a hub to the disk: resumed where it was cut, checked before it has its name."""

import contextlib
import hashlib
import http.client
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from tenku.base.errors import CorruptError, FolderError, NotFoundError, StoreError
from tenku.content.hubname import HubFile
from tenku.content.hubweb import HubWeb
from tenku.content.paths import OWN_FOLDER

PARTS = f"{OWN_FOLDER}/import"
"""Where in the folder unfinished files lie; a build leaves `OWN_FOLDER` out."""
PIECE = 2**18
ATTEMPTS = 5
"""In a row without a single new byte."""


class StoppedError(Exception):
    """Whoever wanted the file gave up."""


class Download:
    """Brings one file into a folder. `run` blocks; `stop` is set to end it between two pieces."""

    def __init__(
        self,
        file: HubFile,
        folder: Path,
        *,
        web: HubWeb,
        stop: threading.Event,
        advance: Callable[[int], None],
        pause_s: float = 1.0,
    ) -> None:
        self._file = file
        self._target = folder / file.path
        self._part = folder / PARTS / _part_name(file)
        self._web = web
        self._stop = stop
        self._advance = advance
        self._pause_s = pause_s

    def run(self) -> None:
        """Raises CorruptError, StoreError, FolderError, or StoppedError."""
        with self._on_disk():
            if self._is_there():
                self._advance(self._file.size)
                return
            for folder in (self._part.parent, self._target.parent):
                folder.mkdir(parents=True, exist_ok=True)
            with self._part.open("ab+") as part:
                check = self._resume(part)
                self._bring(part, check)
                os.fsync(part.fileno())
            self._verify(check)
            self._part.replace(self._target)

    def _is_there(self) -> bool:
        """Whether an earlier run brought it: the same bytes, not only as many."""
        if not self._target.is_file() or self._target.stat().st_size != self._file.size:
            return False
        check = Checksum(self._file)
        with self._target.open("rb") as existing:
            self._feed(existing, check)
        return check.fault() is None

    def _resume(self, part: BinaryIO) -> "Checksum":
        """What an earlier run left, counted in; nothing of it if it is more than the file."""
        check = Checksum(self._file)
        if os.fstat(part.fileno()).st_size > self._file.size:
            part.truncate(0)
        part.seek(0)
        self._feed(part, check)
        self._advance(check.size)
        return check

    def _feed(self, existing: BinaryIO, check: "Checksum") -> None:
        while data := existing.read(PIECE):
            check.add(data)
            self._go_on()

    def _bring(self, part: BinaryIO, check: "Checksum") -> None:
        attempt = 0
        while check.size < self._file.size:
            before = check.size
            try:
                self._read(part, check)
            except NotFoundError:
                raise
            except StoreError:
                attempt = 1 if check.size > before else attempt + 1
                if attempt >= ATTEMPTS:
                    raise
                if self._stop.wait(self._pause_s * 2 ** (attempt - 1)):
                    raise StoppedError from None

    def _read(self, part: BinaryIO, check: "Checksum") -> None:
        """One request. Raises StoreError if it ends before the file does."""
        with self._web.open(self._file.url, start=check.size) as reply:
            if check.size and not _begins_at(reply, check.size):
                # The server does not know ranges: from the beginning.
                self._advance(-check.size)
                check.reset()
                part.truncate(0)
            while check.size < self._file.size:
                data = self._piece(reply, self._file.size - check.size)
                part.write(data)
                check.add(data)
                self._advance(len(data))
                self._go_on()

    def _piece(self, reply: http.client.HTTPResponse, most: int) -> bytes:
        try:
            data = reply.read(min(PIECE, most))
        except (OSError, http.client.HTTPException) as error:
            raise StoreError(f"{self._file.path} broke off: {error or type(error).__name__}.") from error
        if not data:
            raise StoreError(
                f"{self._file.path} broke off early.", hint="Run the same command again: it goes on there."
            )
        return data

    def _verify(self, check: "Checksum") -> None:
        if (fault := check.fault()) is not None:
            # Kept, it would be taken for a good beginning by every later run.
            self._part.unlink()
            raise CorruptError(
                f"{self._file.path} has the wrong {fault}: it is not what {self._web.name} lists.",
                hint="Run the same command again; if it stays so, the hub or a cache on the way is broken.",
            )

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise StoppedError

    @contextlib.contextmanager
    def _on_disk(self) -> Iterator[None]:
        """The network's errors are StoreErrors already; what is left is the disk's."""
        try:
            yield
        except OSError as error:
            raise FolderError(
                f"{self._target} cannot be written: {error.strerror or error}.",
                hint="What came so far is kept: run the same command again when there is room and the right to write.",
            ) from error


class Checksum:
    """Size and hash of what came so far, against what the hub lists."""

    def __init__(self, file: HubFile) -> None:
        self._file = file
        self.reset()

    def reset(self) -> None:
        """Nothing came so far."""
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._git_blob = hashlib.sha1(b"blob %d\0" % self._file.size, usedforsecurity=False)

    def add(self, data: bytes) -> None:
        """The next bytes."""
        self.size += len(data)
        if self._file.sha256:
            self._sha256.update(data)
        elif self._file.git_blob:
            self._git_blob.update(data)

    def fault(self) -> str | None:
        """What is wrong: None for nothing."""
        if self.size != self._file.size:
            return "size"
        if self._file.sha256:
            return None if self._sha256.hexdigest() == self._file.sha256 else "SHA-256"
        if self._file.git_blob:
            return None if self._git_blob.hexdigest() == self._file.git_blob else "git hash"
        return None


def forget_parts(folder: Path) -> None:
    """Take away the folders of unfinished files, unless another revision's still lie there."""
    with contextlib.suppress(OSError):
        (folder / PARTS).rmdir()
        (folder / OWN_FOLDER).rmdir()


def _begins_at(reply: http.client.HTTPResponse, start: int) -> bool:
    said = re.match(r"bytes (\d{1,19})-", reply.headers.get("Content-Range", ""), re.ASCII)
    if reply.status == 206 and (said is None or int(said[1]) != start):
        raise StoreError("A hub answered with other bytes than the asked ones.")
    return reply.status == 206


def _part_name(file: HubFile) -> str:
    """By path and content: a part of another revision's file is no beginning of this one's."""
    return hashlib.sha256(f"{file.path}\0{file.size}\0{file.sha256}\0{file.git_blob}".encode()).hexdigest() + ".part"
