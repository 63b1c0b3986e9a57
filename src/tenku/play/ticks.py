"""How often the compositor looks for something new to show: more often than it may send, where the game allows it.

A game and a compositor at 60 Hz each do not draw at the same moment, and an X server in between has a beat of its own:
a finished picture waits for the next look, by reckoning half a beat and a whole one. A compositor that looks more often
takes it earlier (docs/benchmarks.md), and encodes no more pictures, for it encodes changed ones only. A game that draws
as fast as it is let would be let draw four times as often, too: then the compositor goes back to one look a picture.
"""

LOOKS = 4
"""Times that the compositor looks for each picture that may be sent."""
OUTRUN = 1.15
WINDOW_US = 1_000_000
REST_US = 60_000_000
"""For how long a game that drew too fast is not tried again."""


class Ticks:
    """Watches how many pictures come. Times are microseconds of a clock that only rises.

    Args:
        best_fps: frames a second that are allowed on a good line; where fewer are asked for, each look is one frame.
    """

    def __init__(self, *, best_fps: int) -> None:
        self._best_fps = best_fps
        self._since_us = 0
        self._frames = 0
        self._outran_us: int | None = None

    def frame(self, now_us: int) -> None:
        """The encoder made a picture."""
        if now_us - self._since_us >= WINDOW_US:
            whole = now_us - self._since_us < 2 * WINDOW_US
            if whole and self._frames > OUTRUN * self._best_fps:
                self._outran_us = now_us
            self._since_us, self._frames = now_us, 0
        self._frames += 1

    def looks(self, fps: int, now_us: int) -> int:
        """Looks a picture, at so many frames a second."""
        calm = self._outran_us is None or now_us - self._outran_us > REST_US
        return LOOKS if calm and fps >= self._best_fps else 1
