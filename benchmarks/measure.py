"""From what the page saw and what the game wrote to numbers; nothing here waits or looks at a clock."""

import math
import statistics
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.stream import Flip
from benchmarks.watch import Sample

PATIENCE_NS = 2_000_000_000
"""A press whose flip is not shown by then is lost."""


@dataclass(frozen=True, slots=True)
class Press:
    """One key press from the finger to the eye; times are CLOCK_MONOTONIC in nanoseconds."""

    pressed_ns: int
    asked_ns: int
    drawn_ns: int
    presented_ns: int
    shown_ns: int

    @property
    def input_to_shown_ms(self) -> float:
        return (self.shown_ns - self.pressed_ns) / 1e6

    @property
    def to_game_ms(self) -> float:
        """The browser saw the key to the game's loop took it: the way there, and the wait for the loop."""
        return (self.asked_ns - self.pressed_ns) / 1e6

    @property
    def game_ms(self) -> float:
        """The game's loop took the key to its display had taken the changed picture."""
        return (self.presented_ns - self.asked_ns) / 1e6

    @property
    def streaming_ms(self) -> float:
        """The display had taken the changed picture to the browser showed it: what streaming adds."""
        return (self.shown_ns - self.presented_ns) / 1e6


def match(keys_ns: Sequence[int], flips: Sequence[Flip], samples: Sequence[Sample]) -> list[Press]:
    """Each key press with its flip and the first picture that showed it; presses that were lost are left out."""
    asked = [flip.asked_ns for flip in flips]
    presses = []
    for number, pressed_ns in enumerate(keys_ns):
        # A flip after the next press belongs to that one.
        limit_ns = min([pressed_ns + PATIENCE_NS, *keys_ns[number + 1 : number + 2]])
        place = bisect_right(asked, pressed_ns)
        if place == len(flips) or flips[place].asked_ns > limit_ns:
            continue
        flip = flips[place]
        shown_ns = _first_shown(flip, samples)
        if shown_ns is not None:
            presses.append(Press(pressed_ns, flip.asked_ns, flip.drawn_ns, flip.presented_ns, shown_ns))
    return presses


def _first_shown(flip: Flip, samples: Sequence[Sample]) -> int | None:
    start = bisect_right(samples, flip.drawn_ns, key=lambda sample: sample.time_ns)
    for sample in samples[start:]:
        if sample.time_ns > flip.drawn_ns + PATIENCE_NS:
            return None
        if sample.frame is not None and sample.lit == flip.lit:
            return sample.time_ns
    return None


def frames_per_second(samples: Sequence[Sample]) -> float:
    """Different pictures that were shown, a second."""
    frames = [sample.frame for sample in samples if sample.frame is not None]
    changes = sum(before != after for before, after in pairwise(frames))
    return changes / ((samples[-1].time_ns - samples[0].time_ns) / 1e9)


def median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else math.nan


def p95(values: Sequence[float]) -> float:
    """The value that 95 of 100 do not exceed, by nearest rank."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1] if values else math.nan


def growth(values: Sequence[float]) -> float:
    """How much a series rose: median of its last third less median of its second sixth.

    The first sixth is left out: caches fill, and the encoder allocates what it keeps.
    """
    sixth = max(1, len(values) // 6)
    return median(values[-2 * sixth :]) - median(values[sixth : 2 * sixth])
