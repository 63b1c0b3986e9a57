"""Which pixels hang together: a flood over a mask, by whole runs of rows and columns."""

import numpy as np

from tenku.studio.sprites.pixels import Mask


def flood(mask: Mask, seeds: Mask) -> Mask:
    """The pixels of `mask` that are reached from `seeds` over edges, not corners.

    Each pass fills whole runs, so that it takes as many passes as the way has bends, not pixels.
    """
    reached: Mask = mask & seeds
    while True:
        before = int(reached.sum())
        reached = _along_rows(mask, reached)
        reached = _along_rows(mask.T, reached.T).T
        if int(reached.sum()) == before:
            return reached


def border(shape: tuple[int, ...]) -> Mask:
    """The outermost pixels of a picture."""
    edge: Mask = np.zeros(shape[:2], dtype=np.bool_)
    edge[[0, -1], :] = True
    edge[:, [0, -1]] = True
    return edge


def grown(mask: Mask, *, times: int = 1) -> Mask:
    """A mask and what touches it, corners included."""
    for _ in range(times):
        wide = np.pad(mask, 1)
        rows = wide[:-2] | wide[1:-1] | wide[2:]
        mask = rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
    return mask


def _along_rows(mask: Mask, seeds: Mask) -> Mask:
    """Every run of a row that has a seed in it."""
    starts = mask.copy()
    starts[:, 1:] &= ~mask[:, :-1]
    runs = np.cumsum(starts.ravel()).reshape(mask.shape) * mask  # 0: no run
    hit = np.zeros(int(runs.max(initial=0)) + 1, dtype=np.bool_)
    hit[runs[seeds & mask]] = True
    hit[0] = False
    return hit[runs]
