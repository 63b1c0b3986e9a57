"""Checks of sprites: each measures one thing, and says where it is worst. Nothing here reads or writes files."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tenku.base.errors import UsageError
from tenku.studio.sprites import alpha
from tenku.studio.sprites.findings import Finding, Verdict
from tenku.studio.sprites.oklab import distance, to_oklab
from tenku.studio.sprites.palette import Palette
from tenku.studio.sprites.pixels import Floats, Pixels
from tenku.studio.sprites.trim import visible

FRINGE_LIMIT = 0.04
FRINGE_FEWEST = 8
"""Half transparent pixels below which nobody sees a rim."""
SEAM_LIMIT = 1.5
"""How much more a tile may change across its edge than inside."""
LOOP_LIMIT = 1.5
"""How much more an animation may change from its last to its first picture than between others."""
STILL = 0.004
"""A change that small is none: what compression leaves. OKLab, mean of all pixels."""
BORDER_LIMIT = 0.4
"""How much of its own width or height a sprite may lie on the border."""


@dataclass(frozen=True)
class SizeRule:
    """What size pictures have to have."""

    width: int
    height: int
    multiple: bool = False
    """Any multiple of it."""


def parse_size_rule(text: str) -> SizeRule:
    """`32x32`: exactly; `16` or `16x32`: … a single number means multiples of it. Raises UsageError."""
    exact = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if exact:
        return SizeRule(int(exact[1]), int(exact[2]))
    if re.fullmatch(r"[1-9]\d{0,4}", text):
        return SizeRule(int(text), int(text), multiple=True)
    raise UsageError(f"{text!r} is no size.", hint="Write 32x32, or 16 for multiples of 16.")


def check_size(pixels: Pixels, rule: SizeRule, *, file: str) -> Finding:
    """Whether a picture is as large as it has to be."""
    height, width = pixels.shape[:2]
    if rule.multiple:
        off = max(width % rule.width, height % rule.height)
        want = f"multiples of {rule.width}"
    else:
        off = max(abs(width - rule.width), abs(height - rule.height))
        want = f"{rule.width}x{rule.height}"
    return _finding(file, "size", off, 0, sentence=f"It is {width}x{height}, and has to be {want}.")


def check_empty(pixels: Pixels, *, file: str) -> Finding:
    """Whether a picture shows anything."""
    shown = float((pixels[..., 3] > 12).mean())
    verdict = Verdict.PASS if shown > 0 else Verdict.FAIL
    sentence = "" if shown > 0 else "It shows nothing: every pixel is transparent."
    return Finding(file=file, check="empty", verdict=verdict, measured=shown, limit=0, sentence=sentence)


def check_border(pixels: Pixels, *, file: str) -> Finding:
    """Whether a sprite was cut off: it lies on the picture's border for a good part of its own size.

    A picture without transparency is none that could be cut off; one pixel that touches the border is no harm.
    """
    there = pixels[..., 3] > 128
    rect = visible(pixels, above=128)
    if rect is None or there.all():
        return _skipped(file, "border", BORDER_LIMIT)
    sides = {
        "the left": float(there[:, 0].sum()) / rect.height,
        "the right": float(there[:, -1].sum()) / rect.height,
        "the top": float(there[0].sum()) / rect.width,
        "the bottom": float(there[-1].sum()) / rect.width,
    }
    side, share = max(sides.items(), key=lambda item: item[1])
    sentence = "It lies on the border and is probably cut off: make it again, with more room around it."
    return _finding(file, "border", share, BORDER_LIMIT, place=side, sentence=sentence)


def check_fringe(pixels: Pixels, *, file: str, limit: float = FRINGE_LIMIT) -> Finding:
    """Whether soft edges have the colour of an old background."""
    found = alpha.fringe(pixels)
    if found.pixels < FRINGE_FEWEST:
        return _skipped(file, "fringe", limit)
    red, green, blue = found.towards
    sentence = (
        f"{found.pixels} pixels of its edge are mixed with another colour, about #{red:02x}{green:02x}{blue:02x}: "
        "cut it out again with `tenku sprites cut`."
    )
    return _finding(
        file, "fringe", found.amount, limit, place=f"x {found.place[0]}, y {found.place[1]}", sentence=sentence
    )


def check_palette(pixels: Pixels, palette: Palette, *, file: str) -> Finding:
    """Whether every visible pixel has a colour of the palette, and all of it or nothing."""
    seen = pixels[..., 3] > 0
    known = set(_numbers(palette.colours).tolist())
    every = _numbers(pixels[..., :3])
    inside = np.isin(every, list(known)) & (pixels[..., 3] == 255)
    outside = seen & ~inside
    count = int(outside.sum())
    place = sentence = ""
    if count:
        y, x = (int(each[0]) for each in np.nonzero(outside))
        red, green, blue, opacity = (int(value) for value in pixels[y, x])
        colours = len(np.unique(every[outside]))
        place = f"x {x}, y {y}: #{red:02x}{green:02x}{blue:02x}" + ("" if opacity == 255 else f", alpha {opacity}")
        sentence = f"{count} pixels of {colours} colours are not of the palette {palette.name}."
    return _finding(file, "palette", count, 0, place=place, sentence=sentence)


def check_seam(pixels: Pixels, *, file: str, limit: float = SEAM_LIMIT) -> Finding:
    """Whether a tile goes on where its copy begins, to the right and below."""
    lab = _premultiplied(pixels)
    worst = max(
        (_seam(lab, "left and right"), _seam(lab.transpose(1, 0, 2), "top and bottom")), key=lambda each: each[0]
    )
    ratio, place = worst
    sentence = "Its edges do not go on in each other: the change across them is that many times what is usual inside."
    return _finding(file, "seam", ratio, limit, place=place, sentence=sentence)


def check_loop(pictures: Sequence[Pixels], *, file: str, limit: float = LOOP_LIMIT) -> Finding:
    """Whether an animation's first picture follows its last one as others follow each other.

    Raises:
        UsageError: its pictures differ in size.
    """
    if len({each.shape for each in pictures}) > 1:
        raise UsageError(f"The pictures of {file} differ in size.", hint="Make them the same size first.")
    if len(pictures) < 3:
        return _skipped(file, "loop", limit)
    labs = [_premultiplied(each) for each in pictures]
    steps = [float(distance(one, other).mean()) for one, other in itertools.pairwise(labs)]
    back = float(distance(labs[-1], labs[0]).mean())
    usual = max(float(np.percentile(steps, 90)), STILL)
    ratio = back / usual
    sentence = "It jumps where it begins again: the last picture differs from the first that many times as usual."
    if back < STILL / 8 and float(np.median(steps)) > STILL:
        return Finding(
            file=file,
            check="loop",
            verdict=Verdict.FAIL,
            measured=ratio,
            limit=limit,
            place=f"picture {len(pictures)}",
            sentence="Its last picture is the first one again, so that it stands still there: leave the last one out.",
        )
    return _finding(file, "loop", ratio, limit, place=f"picture {len(pictures)} to 1", sentence=sentence)


def _seam(lab: Floats, name: str) -> tuple[float, str]:
    """How much more the columns change from the last to the first than inside, and where most."""
    if lab.shape[1] < 3:
        return 0.0, name
    inside = distance(lab[:, 1:], lab[:, :-1]).mean(axis=0)
    across = distance(lab[:, -1], lab[:, 0])
    usual = max(float(np.percentile(inside, 95)), STILL)
    worst = int(across.argmax())
    return float(across.mean()) / usual, f"{name}, {'y' if name.startswith('left') else 'x'} {worst}"


def _premultiplied(pixels: Pixels) -> Floats:
    """OKLab times alpha: what nobody sees does not count."""
    lab: Floats = to_oklab(pixels) * (pixels[..., 3:].astype(np.float32) / np.float32(255))
    return lab


def _numbers(colours: Pixels) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    wide = colours.astype(np.int64)
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]


def _finding(file: str, check: str, measured: float, limit: float, *, sentence: str, place: str = "") -> Finding:
    failed = measured > limit
    return Finding(
        file=file,
        check=check,
        verdict=Verdict.FAIL if failed else Verdict.PASS,
        measured=float(measured),
        limit=float(limit),
        place=place,
        sentence=sentence if failed else "",
    )


def _skipped(file: str, check: str, limit: float) -> Finding:
    return Finding(file=file, check=check, verdict=Verdict.SKIP, measured=0.0, limit=limit)
