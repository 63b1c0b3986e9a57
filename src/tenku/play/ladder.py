"""Which picture size and frame rate a bitrate is good for, changed seldom.

A size change makes the encoder begin anew with a key frame, so sizes have a wide hysteresis and rest times. A frame
rate costs nothing to change and steps in where a size may not change yet.
"""

from dataclasses import dataclass
from itertools import pairwise

from tenku.play.model import Quality, Size

BITS_PER_PIXEL = 0.03
"""Below this a game's picture in H.264 looks worse than one with fewer frames, or a smaller one scaled up."""
UP_MARGIN = 1.3
"""A better step must fit with this margin, so that a bitrate that wavers does not make the size waver."""
SIZE_DOWN_REST_US = 1_000_000
SIZE_UP_REST_US = 3_000_000
FPS_UP_REST_US = 1_000_000

STEPS = (
    (1.0, 60),
    (1.0, 45),
    # Frames go before size: without a GPU the compositor makes a picture smaller by leaving pixels out, and then
    # nobody can read a menu.
    (1.0, 30),
    (0.75, 45),
    (0.5, 60),
    (0.5, 45),
    (0.5, 30),
    (1 / 3, 30),
    (1 / 3, 20),
    (1 / 3, 15),
)
"""Share of width and height, and frames a second, each step with fewer pixels a second than the one before."""
SLOWEST_FPS = STEPS[-1][1]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the ladder."""

    size: Size
    fps: int

    @property
    def pixels_per_s(self) -> int:
        return self.size.width * self.size.height * self.fps


def steps(maximum: Quality) -> tuple[Step, ...]:
    """The ladder under a maximum, best step first; sizes are even, since H.264 halves them for colour."""
    all_steps = [Step(_scaled(maximum.size, share), min(fps, maximum.fps)) for share, fps in STEPS]
    if maximum.fps > STEPS[0][1]:
        all_steps.insert(0, Step(_scaled(maximum.size, 1), maximum.fps))
    kept = all_steps[:1]
    for better, step in pairwise(all_steps):
        if step.pixels_per_s < kept[-1].pixels_per_s and step != better:
            kept.append(step)
    return tuple(kept)


class Ladder:
    """Where one connection stands on the ladder."""

    def __init__(self, maximum: Quality) -> None:
        self._steps = steps(maximum)
        # Whoever configures few bits for a big picture gets just that while the line carries them.
        most_kbps = maximum.bitrate_kbps / UP_MARGIN
        self._bits_per_pixel = min(BITS_PER_PIXEL, most_kbps * 1000 / self._steps[0].pixels_per_s)
        self._step = self._steps[0]
        self._size_changed_us: int | None = None
        self._fps_raised_us: int | None = None

    @property
    def step(self) -> Step:
        """The step that it stands on."""
        return self._step

    @property
    def lowest(self) -> int:
        """Index of the last step."""
        return len(self._steps) - 1

    @property
    def enough_kbps(self) -> float:
        """The bitrate that the step it stands on needs."""
        return self._needs_kbps(self._step)

    def choose(self, bitrate_kbps: float, *, best: int = 0, may_resize: bool = True, now_us: int) -> Step:
        """The step for a bitrate.

        `best` is the index of the best step that the browser's decoder can follow. `may_resize` is False while a
        queue stands: the key frame that a new size begins with would only make it longer, and come late itself.
        """
        allowed = self._steps[best:]
        wanted = self._fitting(allowed, bitrate_kbps)
        if wanted.size != self._step.size and not (may_resize and self._rested(wanted, now_us)):
            same_size = [step for step in allowed if step.size == self._step.size]
            wanted = self._fitting(tuple(same_size) or (self._step,), bitrate_kbps)
        if self._may_move(wanted, now_us):
            self._move(wanted, now_us)
        return self._step

    def _fitting(self, allowed: tuple[Step, ...], bitrate_kbps: float) -> Step:
        fits = (step for step in allowed if self._needs_kbps(step) <= bitrate_kbps)
        return next(fits, allowed[-1])

    def _needs_kbps(self, step: Step) -> float:
        margin = UP_MARGIN if step.pixels_per_s > self._step.pixels_per_s else 1
        return margin * step.pixels_per_s * self._bits_per_pixel / 1000

    def _rested(self, wanted: Step, now_us: int) -> bool:
        smaller = wanted.size.width < self._step.size.width
        rest_us = SIZE_DOWN_REST_US if smaller else SIZE_UP_REST_US
        return self._size_changed_us is None or now_us - self._size_changed_us >= rest_us

    def _may_move(self, wanted: Step, now_us: int) -> bool:
        if wanted.size != self._step.size or wanted.fps < self._step.fps:
            return True
        rested = self._fps_raised_us is None or now_us - self._fps_raised_us >= FPS_UP_REST_US
        return wanted.fps > self._step.fps and rested

    def _move(self, wanted: Step, now_us: int) -> None:
        if wanted.size != self._step.size:
            self._size_changed_us = now_us
        if wanted.fps > self._step.fps:
            self._fps_raised_us = now_us
        self._step = wanted


def _scaled(size: Size, share: float) -> Size:
    return Size(_even(size.width * share), _even(size.height * share))


def _even(length: float) -> int:
    return max(2, round(length / 2) * 2)
