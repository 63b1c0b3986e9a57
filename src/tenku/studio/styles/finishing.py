"""Finishes pictures as their style says: cuts out, makes pixel art, brings colours to a palette. Needs numpy."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tenku.base.errors import UsageError
from tenku.studio.sprites.alpha import cut
from tenku.studio.sprites.flood import border
from tenku.studio.sprites.palette import Palette, learn_palette
from tenku.studio.sprites.pixels import Pixels, decode, encode
from tenku.studio.sprites.quantise import PixelArt, quantise
from tenku.studio.styles.finish import Finish


def finished(data: bytes, finish: Finish, *, where: str) -> bytes:
    """One picture as PNG, finished; the same bytes where there is nothing to do.

    Raises:
        UsageError: it cannot be: there is no plain background to cut out, or it is too small.
    """
    if not finish.any:
        return data
    pixels = _cleared(decode(data, where=where), finish, where=where)
    palette = palette_of(finish)
    if finish.pixels:
        how = PixelArt(
            size=finish.pixels, palette=palette, colours=finish.colours or 16, dither=finish.dither, square=True
        )
        [pixels] = quantise([pixels], how)
    elif palette is not None:
        pixels = _recoloured(pixels, palette)
    return encode(pixels)


def settled(finish: Finish, pictures: Sequence[bytes]) -> Finish:
    """A finish that learns its colours, with those of these pictures; any other one as it is.

    Raises:
        UsageError: there is nothing to learn from.
    """
    if not finish.learns:
        return finish
    shown = []
    for number, data in enumerate(pictures, 1):
        pixels = decode(data, where=f"picture {number}")
        try:
            shown.append(_cleared(pixels, finish, where=f"picture {number}"))
        except UsageError:
            shown.append(pixels)  # that it cannot be cut out is told where it is finished
    learned = learn_palette(shown, colours=finish.colours)
    return replace(finish, palette=tuple(_text(colour) for colour in learned.colours.tolist()))


def palette_of(finish: Finish) -> Palette | None:
    """The palette of a finish; None: it has none, or has yet to learn it."""
    if not finish.palette:
        return None
    colours = [list(bytes.fromhex(each.removeprefix("#"))) for each in finish.palette]
    return Palette("style", np.array(colours, dtype=np.uint8))


def _cleared(pixels: Pixels, finish: Finish, *, where: str) -> Pixels:
    if finish.background != "cut" or _has_clear_border(pixels):
        return pixels
    return cut(pixels, where=where).pixels


def _has_clear_border(pixels: Pixels) -> bool:
    """Whether a model made it transparent already, as those of layers do."""
    return bool((pixels[border(pixels.shape)][:, 3] < 128).mean() > 0.5)


def _recoloured(pixels: Pixels, palette: Palette) -> Pixels:
    changed = pixels.copy()
    changed[..., :3] = palette.colours[palette.nearest(pixels)]
    return changed


def _text(colour: Sequence[int]) -> str:
    return "#" + bytes(colour).hex()
