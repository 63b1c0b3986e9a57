"""Whether two pieces of a video fit: the step across the seam against the steps beside it (pure)."""

import numpy as np
import numpy.typing as npt

NEAR = 8
"""Steps on each side of a seam that are looked at."""
BAD = 2.0
"""A seam with a step so many times the usual one is seen as a jump."""
STILL = 0.5
"""Of 255: what two pictures of a still scene differ by at least, so that a still video has no endless score."""


def seam_score(frames: npt.NDArray[np.uint8], at: int) -> float:
    """How large the step to picture `at` is, as a multiple of the usual step around it; 1: as every other.

    Args:
        frames: uint8, (N, height, width, 3); at least those around the seam.
        at: the first picture behind the seam, from 1 to N - 1.
    """
    if not 0 < at < len(frames):
        raise ValueError(f"there is no seam at {at} of {len(frames)} pictures")
    begin, end = max(0, at - NEAR - 1), min(len(frames), at + NEAR + 1)
    steps = {number: step(frames[number - 1], frames[number]) for number in range(begin + 1, end)}
    across = steps.pop(at)
    usual = float(np.median(list(steps.values()))) if steps else STILL
    return max(across, STILL) / max(usual, STILL)


def step(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> float:
    """How much two pictures differ on average, of 255."""
    return float(np.abs(one.astype(np.int16) - other).mean())
