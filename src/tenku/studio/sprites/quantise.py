"""Makes pixel art of pictures: few pixels, few colours, hard alpha, nothing astray."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tenku.base.errors import UsageError
from tenku.studio.sprites.oklab import to_oklab
from tenku.studio.sprites.palette import Palette, learn_palette, nearest
from tenku.studio.sprites.pixelgrid import cell_edges, find_grid
from tenku.studio.sprites.pixels import Mask, Pixels, blank

Indices = npt.NDArray[np.intp]
"""(height, width) which colour of a palette; -1 is transparent."""

SAMPLES = 8
"""Per cell and direction: enough for a majority, whatever the size of the picture."""
LARGEST = 512
BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], dtype=np.float32) / 16 - 15 / 32
OPAQUE = 128
"""Alpha from which a pixel is there."""


@dataclass(frozen=True, kw_only=True)
class PixelArt:
    """How pixel art is made."""

    size: int = 0
    """Pixels of the longer side; 0: as many as the picture's own grid has, else as it is."""
    palette: Palette | None = None
    colours: int = 16
    """How many are learned, where no palette is given."""
    dither: float = 0.0
    """How strong the ordered pattern is between two colours, from 0 to 1."""
    clean: bool = True
    """Remove pixels that stand alone."""
    square: bool = False
    """Fill up to a square with transparency, the picture in the middle."""


def quantise(pictures: Sequence[Pixels], how: PixelArt) -> list[Pixels]:
    """All pictures as pixel art, with one palette for all.

    Raises:
        UsageError: a size that cannot be, or a picture that is smaller than it should become.
    """
    if not 0 <= how.size <= LARGEST or how.size == 1:
        raise UsageError(f"Pixel art has 2 to {LARGEST} pixels a side, not {how.size}.")
    shapes = [_target(each, how.size) for each in pictures]
    sampled = [_samples(each, *shape) for each, shape in zip(pictures, shapes, strict=True)]
    palette = how.palette or learn_palette(sampled, colours=how.colours)
    return [_one(samples, palette, how) for samples in sampled]


def harden(pixels: Pixels) -> Pixels:
    """Every pixel is there or not; those that are not are all zero."""
    hard = pixels.copy()
    seen = pixels[..., 3] >= OPAQUE
    hard[..., 3] = np.where(seen, 255, 0)
    hard[~seen] = 0
    return hard


def clean(indices: Indices) -> Indices:
    """Pixels that stand alone become like their neighbours.

    Gone is a pixel that touches no other one; filled is a hole of a single pixel; and a pixel whose colour none of its
    eight neighbours has takes the colour that at least five of them share.
    """
    around = _neighbours(indices)
    cleaned = indices.copy()
    cleaned[(indices >= 0) & (around < 0).all(axis=0)] = -1
    edges = around[[1, 3, 4, 6]]  # the four beside it
    hole = (indices < 0) & (edges >= 0).all(axis=0)
    common, votes = _majority(around)
    alone = (indices >= 0) & (around != indices).all(axis=0) & (votes >= 5) & (common >= 0)
    filled, _ = _majority(np.where(edges >= 0, edges, -1))
    cleaned[hole] = filled[hole]
    cleaned[alone] = common[alone]
    return cleaned


def _target(pixels: Pixels, size: int) -> tuple[int, int]:
    """Columns and rows of the result."""
    height, width = pixels.shape[:2]
    if not size:
        grid = find_grid(pixels)
        return (grid.columns, grid.rows) if grid else (width, height)
    if size > max(width, height):
        raise UsageError(
            f"A picture of {width}x{height} cannot become {size} pixels large.", hint="Pixel art is made smaller only."
        )
    scale = size / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _samples(pixels: Pixels, columns: int, rows: int) -> Pixels:
    """(rows, columns, samples, 4): pixels from the middle of each cell, where no neighbour shines in."""
    height, width = pixels.shape[:2]
    across, down = _places(width, columns), _places(height, rows)
    picked = pixels[down[:, None, :, None], across[None, :, None, :]]
    return picked.reshape(rows, columns, -1, 4)


def _places(length: int, cells: int) -> npt.NDArray[np.intp]:
    """(cells, samples) places within each cell, a tenth away from its edges."""
    edges = cell_edges(length, cells)
    count = min(SAMPLES, -(-length // cells))
    inner = 0.1 + 0.8 * (np.arange(count) + 0.5) / count
    sizes = np.maximum(np.diff(edges), 1)
    return np.minimum(edges[:-1, None] + (sizes[:, None] * inner).astype(np.intp), length - 1)


def _one(samples: Pixels, palette: Palette, how: PixelArt) -> Pixels:
    seen: Mask = samples[..., 3] >= OPAQUE
    shown: Mask = seen.mean(axis=-1) >= 0.5
    indices = (_dithered if how.dither else _dominant)(samples, seen, palette, how.dither)
    indices = np.where(shown, indices, -1)
    if how.clean:
        indices = clean(indices)
    rows, columns = indices.shape
    out = blank(columns, rows)
    out[..., :3] = np.where((indices >= 0)[..., None], palette.colours[indices], 0)
    out[..., 3] = np.where(indices >= 0, 255, 0)
    return _squared(out, how.size) if how.square and how.size else out


def _dominant(samples: Pixels, seen: Mask, palette: Palette, _: float) -> Indices:
    """The palette's colour that most of a cell has: a mean would be one that nobody drew."""
    found = palette.nearest(samples)
    rows, columns, count = found.shape
    size = len(palette.colours)
    cell = np.arange(rows * columns).repeat(count)
    votes = np.bincount(
        cell * size + found.ravel(), weights=seen.ravel().astype(np.float32), minlength=rows * columns * size
    )
    most: Indices = votes.reshape(rows, columns, size).argmax(axis=-1)
    return most


def _dithered(samples: Pixels, seen: Mask, palette: Palette, strength: float) -> Indices:
    """The nearest colour to the cell's mean, shifted by Bayer's pattern as far as colours lie apart."""
    weight = seen[..., None].astype(np.float32)
    mean = (to_oklab(samples) * weight).sum(axis=2) / np.maximum(weight.sum(axis=2), 1)
    colours = to_oklab(palette.colours)
    rows, columns = mean.shape[:2]
    pattern = np.tile(BAYER, (-(-rows // 4), -(-columns // 4)))[:rows, :columns]
    mean[..., 0] += pattern * strength * _spacing(colours[:, 0])
    return nearest(mean, colours)


def _spacing(lightness: npt.NDArray[np.float32]) -> float:
    """How far the lightness of neighbouring colours is apart, about."""
    return float(np.ptp(lightness)) / max(1, len(lightness) - 1)


def _neighbours(indices: Indices) -> Indices:
    """(8, height, width), from the upper left one, row by row; beyond the border is nothing."""
    height, width = indices.shape
    wide = np.pad(indices, 1, constant_values=-1)
    places = [(y, x) for y in range(3) for x in range(3) if (y, x) != (1, 1)]
    return np.stack([wide[y : y + height, x : x + width] for y, x in places])


def _majority(stack: Indices) -> tuple[Indices, Indices]:
    """The most frequent value of each place, and how often it is there."""
    votes = (stack[:, None] == stack[None, :]).sum(axis=1)
    best = votes.argmax(axis=0)[None]
    return np.take_along_axis(stack, best, axis=0)[0], np.take_along_axis(votes, best, axis=0)[0]


def _squared(pixels: Pixels, size: int) -> Pixels:
    height, width = pixels.shape[:2]
    whole = blank(size, size)
    x, y = (size - width) // 2, (size - height) // 2
    whole[y : y + height, x : x + width] = pixels
    return whole
