"""Palettes: read from .gpl, .hex, .pal or a picture, or learned from pictures; and the nearest colour of one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tenku.base.errors import UsageError
from tenku.studio.sprites.oklab import from_oklab, to_oklab
from tenku.studio.sprites.pixels import Floats, Pixels, decode, read_file

MOST_COLOURS = 256
ROUNDS = 24
"""Of k-means; it stops earlier where nothing moves any more."""
CHUNK = 1 << 16
"""Pixels whose distances to all colours are in memory at once."""


@dataclass(frozen=True)
class Palette:
    """Colours that a set of sprites may use."""

    name: str
    colours: npt.NDArray[np.uint8]
    """(n, 3) sRGB, no two the same."""

    def nearest(self, pixels: Pixels) -> npt.NDArray[np.intp]:
        """Which colour looks most like each pixel; the shape without its last axis."""
        return nearest(to_oklab(pixels), to_oklab(self.colours))


def palette_of(name: str, colours: Sequence[str]) -> Palette:
    """A palette of colours like `#ff8800`. Raises UsageError."""
    return Palette(name, np.array(_unique(_hex("\n".join(colours), name), name), dtype=np.uint8))


def nearest(lab: Floats, colours: Floats) -> npt.NDArray[np.intp]:
    """The index of the nearest colour in OKLab; of equally near ones the first."""
    flat = lab.reshape(-1, 3)
    squares = np.square(colours).sum(axis=-1)
    parts = [
        (squares - 2 * flat[start : start + CHUNK] @ colours.T).argmin(axis=-1) for start in range(0, len(flat), CHUNK)
    ]
    found = np.concatenate(parts) if parts else np.zeros(0, dtype=np.intp)
    return found.reshape(lab.shape[:-1])


def read_palette(path: Path) -> Palette:
    """A palette from a file of GIMP (.gpl), of one colour a line (.hex), of JASC or RIFF (.pal), or from a picture.

    Raises:
        UsageError: it cannot be read, or has no colours or too many.
    """
    data = read_file(path)
    match path.suffix.lower():
        case ".gpl":
            colours = _gpl(_text(data, path), path)
        case ".hex":
            colours = _hex(_text(data, path), str(path))
        case ".pal":
            colours = _riff(data, path) if data[:4] == b"RIFF" else _jasc(_text(data, path), path)
        case _:
            pixels = decode(data, where=str(path))
            colours = [tuple(row) for row in np.unique(pixels[pixels[..., 3] >= 128][:, :3], axis=0).tolist()]
    return Palette(path.stem, np.array(_unique(colours, str(path)), dtype=np.uint8))


def learn_palette(pictures: Sequence[Pixels], *, colours: int, seed: int = 0) -> Palette:
    """The colours that stand best for those of all pictures: k-means in OKLab, the same ones every time.

    Raises:
        UsageError: no such number of colours, or the pictures show nothing.
    """
    if not 1 <= colours <= MOST_COLOURS:
        raise UsageError(f"A palette has 1 to {MOST_COLOURS} colours, not {colours}.")
    seen = [each[each[..., 3] >= 128][:, :3] for each in pictures]
    every, counts = np.unique(np.concatenate(seen) if seen else np.zeros((0, 3), np.uint8), axis=0, return_counts=True)
    if not len(every):
        raise UsageError("The pictures show nothing to learn colours from.", hint="Look at them.")
    if len(every) <= colours:
        return Palette("learned", every)
    every, weights = _fewer(every, counts)
    centres = _k_means(to_oklab(every), weights, colours, np.random.default_rng(seed))
    return Palette("learned", np.unique(from_oklab(centres), axis=0))


def _unique(colours: Sequence[tuple[int, ...]], where: str) -> list[tuple[int, ...]]:
    unique = list(dict.fromkeys(colours))
    if not 1 <= len(unique) <= MOST_COLOURS:
        raise UsageError(
            f"{where} has {len(unique)} colours; a palette has 1 to {MOST_COLOURS}.", hint="Take a palette's file."
        )
    return unique


def _fewer(colours: npt.NDArray[np.uint8], counts: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.uint8], Floats]:
    """Colours that differ in their lowest bits as one: a photograph has more than k-means needs to see."""
    if len(colours) <= 8192:
        return colours, counts.astype(np.float32)
    _, inverse = np.unique(colours >> 3, axis=0, return_inverse=True)
    inverse = inverse.ravel()
    weights = np.bincount(inverse, weights=counts)
    means = [np.bincount(inverse, weights=counts * colours[:, channel]) / weights for channel in range(3)]
    return np.rint(np.stack(means, axis=-1)).astype(np.uint8), weights.astype(np.float32)


def _k_means(points: Floats, weights: Floats, count: int, chance: np.random.Generator) -> Floats:
    centres = points[[int(weights.argmax())]]
    away = np.square(points - centres[0]).sum(axis=-1)
    while len(centres) < count:  # k-means++: what is far from all others is likely to be the next
        odds = away * weights
        if not odds.sum() > 0:
            break
        picked = points[int(chance.choice(len(points), p=odds.astype(np.float64) / odds.astype(np.float64).sum()))]
        centres = np.concatenate([centres, picked[None]])
        away = np.minimum(away, np.square(points - picked).sum(axis=-1))
    for _ in range(ROUNDS):
        owner = nearest(points, centres)
        total = np.bincount(owner, weights=weights, minlength=len(centres))
        sums = [np.bincount(owner, weights=weights * points[:, axis], minlength=len(centres)) for axis in range(3)]
        moved = np.where(
            total[:, None] > 0, np.stack(sums, axis=-1) / np.maximum(total, 1e-9)[:, None], centres
        ).astype(np.float32)
        if np.allclose(moved, centres, atol=1e-5):
            break
        centres = moved
    return centres


def _text(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no text in UTF-8.", hint="Save the palette again.") from None


def _gpl(text: str, path: Path) -> list[tuple[int, ...]]:
    lines = text.splitlines()
    if not lines or lines[0].strip() != "GIMP Palette":
        raise UsageError(f"{path} does not begin with GIMP Palette.", hint="Save it as a GIMP palette.")
    colours = []
    for number, line in enumerate(lines[1:], 2):
        if not line.strip() or line.lstrip().startswith("#") or re.match(r"\s*(Name|Columns):", line):
            continue
        colours.append(_triple(line.split()[:3], path, number))
    return colours


def _hex(text: str, where: str) -> list[tuple[int, ...]]:
    colours = []
    for number, line in enumerate(text.splitlines(), 1):
        found = re.fullmatch(r"\s*#?([0-9a-fA-F]{6})\s*", line)
        if found:
            colours.append(tuple(bytes.fromhex(found[1])))
        elif line.strip():
            raise UsageError(f"{where}, line {number}: {line.strip()[:20]!r} is no colour like ff8800.")
    return colours


def _jasc(text: str, path: Path) -> list[tuple[int, ...]]:
    lines = text.splitlines()
    if [line.strip() for line in lines[:2]] != ["JASC-PAL", "0100"]:
        raise UsageError(f"{path} is no palette of JASC or RIFF.", hint="Save it again, as .gpl or .hex.")
    return [_triple(line.split()[:3], path, number) for number, line in enumerate(lines[3:], 4) if line.strip()]


def _riff(data: bytes, path: Path) -> list[tuple[int, ...]]:
    """RIFF, size, `PAL `, `data`, size, version, count, and four bytes each."""
    count = int.from_bytes(data[22:24], "little")
    if data[8:16] != b"PAL data" or len(data) < 24 + 4 * count:
        raise UsageError(f"{path} is cut off, or no palette.", hint="Save it again, as .gpl or .hex.")
    return [tuple(data[start : start + 3]) for start in range(24, 24 + 4 * count, 4)]


def _triple(words: Sequence[str], path: Path, number: int) -> tuple[int, ...]:
    values = tuple(int(word) for word in words if word.isascii() and word.isdecimal() and int(word) < 256)
    if len(values) != 3:
        raise UsageError(f"{path}, line {number}: there are no three numbers from 0 to 255.", hint="Mend that line.")
    return values
