"""Collects patches into delta objects, as files: no more than one patch is in memory."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from blake3 import blake3

from tenku.base.errors import FolderError
from tenku.content.delta import limits
from tenku.content.delta.encode import Patch
from tenku.content.delta.format import Part, encode_header, header_bytes
from tenku.content.delta.runs import Run
from tenku.content.model import Hash

_COPY = 1 << 20


@dataclass(frozen=True)
class BuiltDelta:
    """A delta object that lies in a file, ready for the store."""

    file: Path
    object: Hash
    size: int
    header_size: int
    header_hash: Hash
    parts: int
    new_bytes: int
    """How many bytes its patches make."""
    chunk_bytes: int
    """What the chunks of those bytes cost in the store."""


@contextmanager
def open_writer(folder: Path) -> Iterator["DeltaWriter"]:
    """A writer that makes its objects in `folder`. Raises FolderError."""
    with ExitStack() as stack:
        try:
            payloads = stack.enter_context(tempfile.TemporaryFile(dir=folder))
        except OSError as error:
            raise _full(folder, error) from error
        yield DeltaWriter(folder, payloads)


class DeltaWriter:
    """Collects patches for one object after another; `payloads` is an empty file to keep them in."""

    def __init__(self, folder: Path, payloads: IO[bytes]) -> None:
        self._folder = folder
        self._payloads = payloads
        self._parts: list[Part] = []
        self.size = 0
        """Bytes of the patches of the next object."""
        self.header_size = 0
        """Of its header, about, in bytes."""
        self._cost = 0

    def add(self, run: Run, patch: Patch, *, region_hash: bytes, cost: int) -> None:
        """Append a run's patch; its chunks cost `cost` bytes in the store. Raises FolderError."""
        try:
            self._payloads.write(patch.payload)
        except OSError as error:
            raise _full(self._folder, error) from error
        self._parts.append(
            Part(
                region=run.region,
                region_hash=region_hash,
                method=patch.method,
                payload_length=len(patch.payload),
                payload_hash=blake3(patch.payload).digest(limits.CHECK),
                prefixes=b"".join(hash[: limits.PREFIX] for hash, _ in run.chunks),
                lengths=tuple(length for _, length in run.chunks),
            )
        )
        self.size += len(patch.payload)
        self.header_size += header_bytes(len(run.chunks)) + len(run.region.path)
        self._cost += cost

    def finish(self) -> BuiltDelta | None:
        """The object as a file of the folder, and begin the next one; None: it has no part. Raises FolderError."""
        if not self._parts:
            return None
        header = encode_header(self._parts)
        try:
            file = self._write(header)
        except OSError as error:
            raise _full(self._folder, error) from error
        built = BuiltDelta(
            file=file,
            object=Hash(blake3().update_mmap(file).digest()),
            size=len(header) + self.size,
            header_size=len(header),
            header_hash=Hash(blake3(header).digest()),
            parts=len(self._parts),
            new_bytes=sum(part.new_length for part in self._parts),
            chunk_bytes=self._cost,
        )
        self._parts, self.size, self.header_size, self._cost = [], 0, 0, 0
        return built

    def _write(self, header: bytes) -> Path:
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix="delta-", delete=False) as file:
            path = Path(file.name)
            try:
                file.write(header)
                self._payloads.seek(0)
                shutil.copyfileobj(self._payloads, file, _COPY)
                file.flush()  # here, where the disk being full is still noticed
                self._payloads.seek(0)
                self._payloads.truncate()
            except OSError:
                path.unlink()
                raise
        return path


def _full(folder: Path, error: OSError) -> FolderError:
    return FolderError(
        f"{folder} cannot hold a delta: {error.strerror}.", hint="Make room there, or choose another temporary folder."
    )
