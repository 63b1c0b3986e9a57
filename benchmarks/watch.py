"""What `watch.js` saw in a page, as values."""

from dataclasses import dataclass
from typing import Any

LIT = 1 << 15  # as in watch.js


@dataclass(frozen=True, slots=True)
class Sample:
    """What the page showed at one animation frame."""

    time_ns: int
    frame: int | None
    """The game's number of the picture, modulo 2^15; None where no picture of the game was there."""
    lit: bool


@dataclass(frozen=True)
class Watched:
    """All that a page saw in one stretch; times are CLOCK_MONOTONIC in nanoseconds."""

    keys_ns: list[int]
    samples: list[Sample]
    source: str
    """The element that was read."""
    size: tuple[int, int]
    """Its smallest size in pixels: a stream that cannot keep up may shrink its picture."""
    sampling_ms: float
    """What one reading cost, mean."""


def decode(seen: dict[str, Any], *, start_ns: int) -> Watched:
    """The script's record; `start_ns` is the machine's clock at the page's performance.now() == 0."""

    def on_machine_clock(milliseconds: float) -> int:
        return start_ns + round(milliseconds * 1e6)

    samples = [
        Sample(on_machine_clock(at), None if code < 0 else code % LIT, code >= LIT)
        for at, code in zip(seen["times"], seen["samples"], strict=True)
    ]
    return Watched(
        keys_ns=[on_machine_clock(at) for at in seen["keys"]],
        samples=samples,
        source=str(seen["source"]),
        size=tuple(seen["size"] or (0, 0)),
        sampling_ms=seen["cost"] / max(1, len(samples)),
    )
