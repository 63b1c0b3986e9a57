"""A progress bar on standard error; where that is no terminal, one plain line for each stretch of work."""

import shutil
import sys
import threading
import time
from collections.abc import Callable
from typing import Self, TextIO

from tenku.cli.progressline import Speed, plain_line, progress_line

REDRAW_S = 0.1
CLEAR = "\r\x1b[2K"


class Bar:
    """Implements `content.ports.Progress`. As a context it takes the bar away at its end.

    Args:
        live: redraw one line; else write plain lines.
        clock: seconds, rising.
        width: letters of the terminal's line now.
    """

    def __init__(
        self, out: TextIO, *, live: bool, clock: Callable[[], float], width: Callable[[], int] = lambda: 80
    ) -> None:
        self._out = out
        self._live = live
        self._clock = clock
        self._width = width
        self._lock = threading.Lock()
        self._label, self._total, self._unit = "", 0, "B"
        self._done = 0
        self._detail = ""
        self._speed = Speed()
        self._drawn_at = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._clear()
            self._label = ""

    def phase(self, text: str, *, total: int, unit: str = "B") -> None:
        """See `Progress`."""
        with self._lock:
            self._label, self._total, self._unit = text, total, unit
            self._done = 0
            self._detail = ""
            self._speed = Speed()
            now = self._clock()
            self._speed.add(0, now=now)
            if self._live:
                self._draw(now)
            else:
                self._write(f"{plain_line(text, total=total, unit=unit)}\n")

    def advance(self, amount: int) -> None:
        """See `Progress`."""
        with self._lock:
            self._done += amount
            now = self._clock()
            if self._live and now - self._drawn_at >= REDRAW_S:
                self._speed.add(self._done, now=now)
                self._draw(now)

    def detail(self, text: str) -> None:
        """What is going on within one of what is counted, like `step 12 of 20`; shown where there is room."""
        with self._lock:
            now = self._clock()
            self._detail = text
            if self._live and self._label and now - self._drawn_at >= REDRAW_S:
                self._draw(now)

    def note(self, text: str) -> None:
        """See `Progress`."""
        with self._lock:
            self._clear()
            self._write(f"tenku: {text}\n")

    def _draw(self, now: float) -> None:
        self._drawn_at = now
        line = progress_line(
            self._label,
            done=self._done,
            total=self._total,
            unit=self._unit,
            rate=self._speed.rate(),
            # A line that fills the last column would go on in the next one.
            width=self._width() - 1,
            detail=self._detail,
        )
        self._write(f"{CLEAR}{line}")

    def _clear(self) -> None:
        if self._live and self._label:
            self._write(CLEAR)

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def terminal_bar(*, as_json: bool) -> Bar:
    """The bar of a command."""
    return Bar(
        sys.stderr,
        live=sys.stderr.isatty() and not as_json,
        clock=time.monotonic,
        width=lambda: shutil.get_terminal_size().columns,
    )
