"""Finds the grid of pictures that were drawn to look like pixel art: large blocks of one colour, at no exact size."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tenku.studio.sprites.oklab import to_oklab
from tenku.studio.sprites.pixels import Floats, Pixels

FEWEST, MOST = 4, 512
"""Blocks in a row."""
SURE = 0.6
"""How much more of the changes of colour lie on the grid than chance would put there; 1 is all."""
SQUARE = 0.1
"""How far blocks may be from square."""


@dataclass(frozen=True)
class PixelGrid:
    """How many blocks a picture has, and how sure that is."""

    columns: int
    rows: int
    sure: float
    """0: as by chance, 1: every change of colour lies on an edge of the grid."""


def find_grid(pixels: Pixels) -> PixelGrid | None:
    """The coarsest grid whose lines hold the changes of colour; None where there is none, or it is one pixel wide."""
    lab = to_oklab(pixels) * (pixels[..., 3:].astype(np.float32) / 255)
    across = _best(np.abs(np.diff(lab, axis=1)).sum(axis=(0, 2)))
    down = _best(np.abs(np.diff(lab, axis=0)).sum(axis=(1, 2)))
    if across is None or down is None:
        return None
    height, width = pixels.shape[:2]
    (columns, sure), (rows, other) = across, down
    if abs((width / columns) / (height / rows) - 1) > SQUARE:
        return None
    return PixelGrid(columns, rows, min(sure, other))


def cell_edges(length: int, cells: int) -> npt.NDArray[np.intp]:
    """Where cells begin, and where the last one ends."""
    return np.rint(np.linspace(0, length, cells + 1)).astype(np.intp)


def _best(changes: Floats) -> tuple[int, float] | None:
    """The smallest number of cells that explains nearly as much as any."""
    length, total = len(changes) + 1, float(changes.sum())
    counts = range(FEWEST, min(MOST, length // 2) + 1)
    if total <= 0 or not counts:
        return None
    scores = np.array([_score(changes, length, cells, total) for cells in counts])
    best = float(scores.max())
    if best < SURE:
        return None
    # Multiples of the right number have all its lines as well, and score a little less or as much.
    first = int(np.flatnonzero(scores >= best - 0.1)[0])
    return counts[first], float(scores[first])


def _score(changes: Floats, length: int, cells: int, total: float) -> float:
    lines = cell_edges(length, cells)[1:-1] - 1  # changes[i] lies between i and i + 1
    reach = 1 if length / cells >= 6 else 0  # edges of what a model draws are soft, and not quite in their place
    near = np.unique(np.clip(lines[:, None] + np.arange(-reach, reach + 1), 0, len(changes) - 1))
    chance = len(near) / len(changes)
    return (float(changes[near].sum()) / total - chance) / (1 - chance) if chance < 1 else 0.0
