"""Cuts off the transparent border of sprites, and remembers what was cut."""

from dataclasses import dataclass

import numpy as np

from tenku.studio.sprites.atlas import Rect
from tenku.studio.sprites.pixels import Pixels


def visible(pixels: Pixels, *, above: int = 0) -> Rect | None:
    """The smallest rectangle around every pixel whose alpha is over `above`; None where there is none."""
    seen = pixels[..., 3] > above
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not rows.size:
        return None
    x, y = int(columns[0]), int(rows[0])
    return Rect(x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1)


@dataclass(frozen=True)
class Trimmed:
    """What is left of a sprite, and where it lay."""

    pixels: Pixels
    rect: Rect


def trim(pixels: Pixels, *, keep: bool = False) -> Trimmed:
    """A sprite without its border. Of one that shows nothing a single pixel stays: a pause in an animation is one.

    Args:
        keep: leave it as it is.
    """
    height, width = pixels.shape[:2]
    rect = Rect(0, 0, width, height) if keep else visible(pixels) or Rect(0, 0, 1, 1)
    return Trimmed(pixels[rect.y : rect.bottom, rect.x : rect.right], rect)


def extrude(pixels: Pixels, by: int) -> Pixels:
    """A sprite whose outermost pixels are repeated around it: smoothing at its edge then finds its own colour."""
    return np.pad(pixels, ((by, by), (by, by), (0, 0)), mode="edge") if by else pixels
