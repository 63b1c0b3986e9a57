"""The last lines of a game's output, whatever it writes and however much."""

import re
from collections import deque
from collections.abc import Callable

LINES = 20
LONGEST = 500
"""Characters of a line that are kept."""
FLOOD = 1000
"""Lines of one piece that are told of; what comes before them in the same piece is passed over."""
_LONGEST_BYTES = LONGEST * 4
_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])")
"""Colours and cursor movements of terminals."""


class Tail:
    """Keeps the last 20 lines in a few kilobytes; tells of each new line where asked to."""

    def __init__(self, on_line: Callable[[str], None] | None = None) -> None:
        self._lines: deque[str] = deque(maxlen=LINES)
        self._unfinished = b""
        self._on_line = on_line

    @property
    def lines(self) -> tuple[str, ...]:
        """At most 20; a last line without its end counts."""
        unfinished = [_readable(self._unfinished)] if self._unfinished.strip() else []
        return tuple([*self._lines, *unfinished][-LINES:])

    def feed(self, data: bytes) -> None:
        """Take what was written next. Of a flood only the end is looked at."""
        most = FLOOD if self._on_line else LINES
        *whole, rest = (self._unfinished + data).rsplit(b"\n", most + 1)
        for line in whole[-most:]:
            self._keep(line)
        if len(rest) > _LONGEST_BYTES:
            rest = _last_writing(rest)[:_LONGEST_BYTES]
        self._unfinished = rest

    def finish(self) -> None:
        """Nothing comes after this: a line without its end is a line now."""
        if self._unfinished.strip():
            self._keep(self._unfinished)
        self._unfinished = b""

    def _keep(self, line: bytes) -> None:
        text = _readable(line)
        self._lines.append(text)
        if self._on_line is not None:
            self._on_line(text)


def _last_writing(line: bytes) -> bytes:
    """A progress bar writes over itself: what would be seen of it."""
    return line.rstrip(b"\r").rpartition(b"\r")[2]


def _readable(line: bytes) -> str:
    """Text that a terminal or page can show: no control characters, no broken UTF-8, not too long."""
    text = _last_writing(line)[:_LONGEST_BYTES].decode(errors="replace").replace("\t", "    ")
    text = _ESCAPES.sub("", text)
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)[:LONGEST]
