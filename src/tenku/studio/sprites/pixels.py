"""Pictures as arrays: read with care, since a file may lie about itself, and written as PNG."""

import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageSequence

from tenku.base.errors import UsageError

Pixels = npt.NDArray[np.uint8]
"""(height, width, 4): red, green, blue, alpha in sRGB; colours are not multiplied by alpha."""
Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

MOST_PIXELS = 8192 * 8192
"""Of one picture. Four bytes each: more would be half a gigabyte in the first copy alone."""
MOST_BYTES = 256 << 20
"""Of one file."""
MOST_FRAMES = 1024
"""Of one animated file."""
MOST_TOTAL = 1 << 28
"""Pixels of all pictures together that are in memory at once: a gigabyte."""

BROKEN = (OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError, TypeError, OverflowError)
"""What pillow raises, depending on the format and the place, where a file is not what it should be."""


@dataclass(frozen=True)
class Still:
    """One picture of an animated file."""

    pixels: Pixels
    seconds: float


def read_file(path: Path) -> bytes:
    """The bytes of a picture file. Raises UsageError."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise UsageError(f"{path} has {size} bytes; a picture has {MOST_BYTES} at most.", hint="Make it smaller.")
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", hint="Look at its name.") from None


def decode(data: bytes, *, where: str) -> Pixels:
    """A picture of any format that pillow knows, the first one of an animated file. Raises UsageError."""
    return next(_pictures(data, where=where)).pixels


def decode_all(data: bytes, *, where: str) -> list[Still]:
    """Every picture of an animated GIF, WebP or PNG; of another file its only one. Raises UsageError."""
    return list(_pictures(data, where=where))


def encode(pixels: Pixels) -> bytes:
    """A picture as PNG; the same pixels are the same bytes."""
    out = io.BytesIO()
    # Level 6 is pillow's own, and takes three times as long for some percent less.
    Image.fromarray(pixels).save(out, "PNG", compress_level=4)
    return out.getvalue()


def blank(width: int, height: int) -> Pixels:
    """A picture of nothing."""
    return np.zeros((height, width, 4), dtype=np.uint8)


def _pictures(data: bytes, *, where: str) -> Iterator[Still]:
    broken = UsageError(f"{where} is no picture that can be read; it may be cut off.", hint="Make or fetch it again.")
    try:
        with warnings.catch_warnings():
            # Sizes are looked at here, by our own limit; what else pillow complains of is not about the pixels.
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data))
            _check_size(image.size, where=where)
            most = min(MOST_FRAMES, MOST_TOTAL // max(1, image.width * image.height))
            if getattr(image, "n_frames", 1) > most:
                raise UsageError(f"{where} has more than {most} pictures of its size.", hint="Cut it into parts.")
            for each in ImageSequence.Iterator(image):
                pixels = np.array(each.convert("RGBA"), dtype=np.uint8)
                # Asked for afterwards: WebP knows how long a picture is shown once it is decoded.
                yield Still(pixels, float(each.info.get("duration", 0) or 100) / 1000)
    except Image.DecompressionBombError:
        raise UsageError(f"{where} has more pixels than {MOST_PIXELS}.", hint="Make it smaller.") from None
    except BROKEN:
        raise broken from None


def _check_size(size: Any, *, where: str) -> None:
    width, height = size
    if width * height > MOST_PIXELS:
        raise UsageError(
            f"{where} says that it is {width}x{height}; a picture has {MOST_PIXELS} pixels at most.",
            hint="Make it smaller.",
        )
