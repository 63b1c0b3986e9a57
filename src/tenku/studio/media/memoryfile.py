"""A file that FFmpeg writes into memory, and reads again while it does."""

import io
from typing import Any


class MemoryFile:
    """What is written, as bytes.

    A muxer that moves its index to the front (`faststart`) opens its own output once more to read it; `open_again` is
    what it is given then, so that no temporary file is needed.
    """

    def __init__(self) -> None:
        self.file = io.BytesIO()

    def open_again(self, _name: str, _flags: int, _options: Any) -> "Reader":
        """What PyAV's `io_open` is to be."""
        return Reader(self.file)

    def bytes(self) -> bytes:
        """All that was written."""
        return self.file.getvalue()


class Reader:
    """Reads what another writes, at a place of its own."""

    name = ""

    def __init__(self, file: io.BytesIO) -> None:
        self._file = file
        self._at = 0

    def read(self, size: int) -> bytes:
        """Up to `size` bytes."""
        with self._file.getbuffer() as view:
            found = view[self._at : self._at + size].tobytes()
        self._at += len(found)
        return found

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, as files do it."""
        with self._file.getbuffer() as view:
            end = len(view)
        self._at = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: end}[whence] + offset
        return self._at

    def tell(self) -> int:
        """The place."""
        return self._at

    def close(self) -> None:
        """Nothing is held."""
