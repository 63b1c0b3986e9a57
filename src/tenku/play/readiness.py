"""When a game is ready to be shown: it has a window, and something is drawn in it."""

DRAWN_BYTES = 600
"""A frame between key frames that is larger shows change; on an empty screen they are about 100 bytes."""
PATIENCE_S = 8.0
"""A window that stays still for so long is shown as it is: a menu need not move."""


class Readiness:
    """Watches windows and frames from the start of a game. Times are seconds of a clock that only rises."""

    def __init__(self) -> None:
        self._window_since: float | None = None
        self._drawn = False

    def window(self, windows: int, now: float) -> None:
        """So many windows are there now."""
        if windows and self._window_since is None:
            self._window_since = now

    def frame(self, size: int, *, key: bool) -> None:
        """A frame of so many bytes came."""
        if self._window_since is not None and not key and size > DRAWN_BYTES:
            self._drawn = True

    def ready(self, now: float) -> bool:
        """Whether the game can be shown."""
        if self._window_since is None:
            return False
        return self._drawn or now - self._window_since >= PATIENCE_S
