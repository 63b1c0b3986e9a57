"""Real transparency: cuts out a plain background, takes its colour out of soft edges, and measures what is left."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tenku.base.errors import UsageError
from tenku.studio.sprites.flood import border, flood, grown
from tenku.studio.sprites.oklab import distance, to_oklab
from tenku.studio.sprites.pixels import Floats, Mask, Pixels

Places = npt.NDArray[np.intp]

TOLERANCE = 0.06
"""How far from the background's colour a pixel still is background, in OKLab. JPEG's noise stays below."""
PLAIN = 0.6
"""How much of the border has to be of one colour, for it to be a background."""
SOFT = 2
"""Pixels from the outline inwards that may be mixed with the background."""
BLEED = 4
"""How far colours go on beneath what is transparent: smoothing looks there."""
ON_THE_LINE = 0.08
"""How far a mixed colour may lie from the line between background and sprite, as a part of 1."""


TOO_ALIKE = 16
"""How far two colours are apart, in steps of 255, where no alpha can be told between them."""
FALLS = 0.1
"""How much less alpha than the pixels outside of it a pixel may have; with less it is a part of the sprite."""
FAINT = 0.02
"""Alpha below which a pixel is nothing."""


@dataclass(frozen=True)
class CutOut:
    """A picture without its background."""

    pixels: Pixels
    background: tuple[int, int, int]
    removed: float
    """How much of the picture is fully transparent now, as a part of 1."""


def cut(pixels: Pixels, *, where: str, tolerance: float = TOLERANCE, soft: int = SOFT, holes: bool = False) -> CutOut:
    """Make the background transparent that reaches in from the border.

    Args:
        tolerance: how far a colour may be from the background's, in OKLab: 0.02 is hardly seen, 1 is black to white.
        soft: width of the outline that may be mixed with the background, in pixels; 0 makes hard edges.
        holes: also take enclosed places of its colour, like the inside of a ring.

    Raises:
        UsageError: the border is of no one colour, is transparent already, or nothing would be left.
    """
    background = _background(pixels, where=where, tolerance=tolerance)
    apart = distance(to_oklab(pixels), to_oklab(np.array(background, dtype=np.uint8)))
    alike: Mask = apart < tolerance
    gone = alike if holes else flood(alike, border(pixels.shape))
    if gone.all():
        raise UsageError(f"{where} has nothing but background.", hint="Give a lower --tolerance.")
    cleared = _soft_edge(pixels, gone, background, soft) if soft else _hard_edge(pixels, gone)
    kept = pixels[..., 3] / 255
    cleared[..., 3] = np.rint(cleared[..., 3] * kept).astype(np.uint8)
    return CutOut(_bled(cleared), background, float((cleared[..., 3] == 0).mean()))


def unpremultiply(pixels: Pixels) -> Pixels:
    """Colours that were multiplied by alpha, as they were before."""
    alpha = pixels[..., 3:].astype(np.float32)
    colours = np.divide(
        pixels[..., :3] * np.float32(255), alpha, out=np.zeros_like(pixels[..., :3], np.float32), where=alpha > 0
    )
    return np.concatenate([np.rint(colours.clip(0, 255)).astype(np.uint8), pixels[..., 3:]], axis=-1)


@dataclass(frozen=True)
class Fringe:
    """How far the colours of half transparent pixels are from those of the sprite beside them."""

    amount: float
    """Mean distance in OKLab times alpha, over the worst fifth of them: 0.1 is seen at once on most grounds."""
    pixels: int
    """How many pixels are half transparent, and have a sprite beside them."""
    place: tuple[int, int]
    """x and y of the worst."""
    towards: tuple[int, int, int]
    """The colour that they are mixed with, about."""


def fringe(pixels: Pixels) -> Fringe:
    """Look for a rim of another colour: what is left where a background was cut out without care.

    A colour C of alpha a that was mixed with a background B is F·a + B·(1-a), where F is the sprite's own colour: so C
    differs from what is solid next to it, from the most like of it as well. A glow of another colour looks the same.
    """
    alpha = pixels[..., 3]
    rows, columns = np.nonzero((alpha > 12) & (alpha < 243))
    lab = to_oklab(pixels)
    apart, own = _most_like(pixels, lab, rows, columns)
    known = np.isfinite(apart)
    count = int(known.sum())
    if not count:
        return Fringe(0.0, 0, (0, 0), (0, 0, 0))
    rows, columns, own = rows[known], columns[known], own[known]
    opacity = alpha[rows, columns].astype(np.float32) / np.float32(255)
    seen = apart[known] * opacity
    worst = np.argsort(seen)[-max(1, count // 5) :]
    shown = pixels[rows, columns, :3].astype(np.float32)[worst]
    mixed = (own[worst] + (shown - own[worst]) / (1 - opacity[worst, None])).clip(0, 255)
    last = worst[-1]
    red, green, blue = (int(value) for value in np.rint(np.median(mixed, axis=0)))
    return Fringe(float(seen[worst].mean()), count, (int(columns[last]), int(rows[last])), (red, green, blue))


def _most_like(pixels: Pixels, lab: Floats, rows: Places, columns: Places) -> tuple[Floats, Floats]:
    """Of each place the solid pixel within two that looks most like it: how far it is in OKLab, and its colour."""
    height, width = pixels.shape[:2]
    best = np.full(len(rows), np.inf, dtype=np.float32)
    own = np.zeros((len(rows), 3), dtype=np.float32)
    for y in range(-2, 3):
        for x in range(-2, 3):
            there = (rows + y).clip(0, height - 1), (columns + x).clip(0, width - 1)
            apart = np.where(pixels[(*there, 3)] >= 250, distance(lab[rows, columns], lab[there]), np.inf)
            closer = apart < best
            best[closer] = apart[closer]
            own[closer] = pixels[there][closer, :3]
    return best, own


def _background(pixels: Pixels, *, where: str, tolerance: float) -> tuple[int, int, int]:
    """The colour of most of the border."""
    edge = pixels[border(pixels.shape)]
    if float((edge[:, 3] < 128).mean()) > PLAIN:
        raise UsageError(f"{where} has a transparent border already.", hint="There is nothing to cut out.")
    # The median of each channel may be a colour that is not there; the middle of the largest group is.
    _, inverse, counts = np.unique(edge[:, :3] >> 4, axis=0, return_inverse=True, return_counts=True)
    middle = np.median(edge[inverse.ravel() == counts.argmax(), :3], axis=0).astype(np.uint8)
    share = float((distance(to_oklab(edge), to_oklab(middle)) < tolerance).mean())
    if share < PLAIN:
        raise UsageError(
            f"{where} has no plain background: only {share:.0%} of its border is of one colour.",
            hint="Ask for a plain background, or give a higher --tolerance.",
        )
    red, green, blue = (int(value) for value in middle)
    return red, green, blue


def _hard_edge(pixels: Pixels, gone: Mask) -> Pixels:
    cleared = pixels.copy()
    cleared[gone] = 0
    cleared[~gone, 3] = 255
    return cleared


def _soft_edge(pixels: Pixels, gone: Mask, background: tuple[int, int, int], soft: int) -> Pixels:
    """Alpha of the outline from how far each pixel is between the background and the sprite behind it."""
    colours = pixels[..., :3].astype(np.float32)
    ground = np.array(background, dtype=np.float32)
    band = grown(gone, times=soft) & ~gone
    rim = grown(~gone) & gone  # background by its colour, but it may hold a trace of the sprite
    # What a pixel is mixed with is mostly its neighbour that looks least like the background, as the dark line around
    # a bright figure. Where that does not explain its colour, it may be what lies farther inside.
    beside = _farthest(colours, ground, ~gone)
    behind, known = _spread(colours, ~gone & ~band, times=soft + 1)
    share, off = _between(colours, ground, beside)
    other, other_off = _between(colours, ground, behind)
    better = known & (off > ON_THE_LINE) & (other_off < off)
    own = np.where(better[..., None], behind, beside)
    share, off = np.where(better, other, share), np.where(better, other_off, off)
    share = np.where(off > ON_THE_LINE, band, share)  # a colour of its own: all there, or not at all
    share = _rising(np.where(band | rim, share, ~gone).astype(np.float32), gone, soft)
    share[share < FAINT] = 0
    part = share[..., None]
    pure = ((colours - (1 - part) * ground) / np.maximum(part, FAINT)).clip(0, 255)
    pure = part * pure + (1 - part) * own  # the less there is of a pixel, the less its colour says
    mixed = ((band | rim) & (share < 1))[..., None]
    cleared = pixels.copy()
    cleared[..., :3] = np.rint(np.where(mixed, pure, colours)).astype(np.uint8)
    cleared[..., 3] = np.rint(share * 255).astype(np.uint8)
    return cleared


def _between(colours: Floats, ground: Floats, own: Floats) -> tuple[Floats, Floats]:
    """How much of the sprite's colour is in each pixel, and how far it lies from the line between the two, of 1."""
    towards, here = own - ground, colours - ground
    length = np.square(towards).sum(axis=-1)
    share = np.clip((towards * here).sum(axis=-1) / np.maximum(length, 1), 0, 1).astype(np.float32)
    off = np.sqrt(np.square(here - share[..., None] * towards).sum(axis=-1)) / np.float32(255)
    alike = length < TOO_ALIKE**2
    return share, np.where(alike, np.float32(1), off)


def _rising(share: Floats, gone: Mask, soft: int) -> Floats:
    """Alpha only rises from outside inwards: a bright pixel behind a dark line is none that shines through."""
    outside = gone
    ring = np.zeros_like(gone)
    for _ in range(soft):
        inner = grown(outside) & ~outside
        count = _nine(ring[..., None].astype(np.float32))[..., 0]
        before = _nine(np.where(ring, share, 0).astype(np.float32)[..., None])[..., 0] / np.maximum(count, 1)
        share = np.where(inner & (share < before - FALLS), np.float32(1), share)
        outside, ring = outside | inner, inner
    return share


def _farthest(colours: Floats, ground: Floats, allowed: Mask) -> Floats:
    """Of each pixel and its eight neighbours the colour that is farthest from the background's."""
    best = np.where(allowed[..., None], colours, ground)
    away = np.square(best - ground).sum(axis=-1)
    height, width = away.shape
    wide, wide_away = np.pad(best, ((1, 1), (1, 1), (0, 0)), mode="edge"), np.pad(away, 1)
    for y in range(3):
        for x in range(3):
            other = wide_away[y : y + height, x : x + width]
            closer = other > away
            best = np.where(closer[..., None], wide[y : y + height, x : x + width], best)
            away = np.maximum(away, other)
    return best.astype(np.float32)


def _spread(colours: Floats, known: Mask, *, times: int) -> tuple[Floats, Mask]:
    """Known colours, and around them the mean of known neighbours; each time one pixel farther."""
    filled: Floats = np.where(known[..., None], colours, 0).astype(np.float32)
    for _ in range(times):
        total, number = _nine(filled), _nine(known[..., None].astype(np.float32))
        new = ~known & (number[..., 0] > 0)
        filled[new] = total[new] / number[new]
        known = known | new
    return filled, known


def _nine(values: Floats) -> Floats:
    """The sum of each place and its eight neighbours, for (height, width, channels)."""
    wide = np.pad(values, ((1, 1), (1, 1), (0, 0)))
    rows = wide[:-2] + wide[1:-1] + wide[2:]
    sums: Floats = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return sums


def _bled(pixels: Pixels) -> Pixels:
    """Colours of the sprite beneath what is transparent around it, black beyond."""
    seen = pixels[..., 3] > 0
    spread, known = _spread(pixels[..., :3].astype(np.float32), seen, times=BLEED)
    out = np.where(known[..., None], np.rint(spread), 0).astype(np.uint8)
    return np.concatenate([np.where(seen[..., None], pixels[..., :3], out), pixels[..., 3:]], axis=-1)
