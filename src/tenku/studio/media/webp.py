"""Animated WebP: small, with alpha, shown by every browser."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from tenku.base.errors import JobError
from tenku.studio.media.readframes import MOST_BYTES, MOST_SIDE


def write_webp(frames: npt.NDArray[np.uint8], *, fps: float, lossless: bool = True, loop: bool = True) -> bytes:
    """An animated WebP file. What is wholly transparent loses its colour, also without loss.

    Args:
        frames: uint8, (N, height, width, 3 or 4).
        fps: pictures a second; each is shown for whole milliseconds.
        loop: whether it begins again at its end.

    Raises:
        JobError: no frames, or more than the format holds.
    """
    if frames.ndim != 4 or frames.shape[3] not in (3, 4) or frames.dtype != np.uint8 or not len(frames):
        raise JobError(f"Frames of the shape {frames.shape} and type {frames.dtype} are no animation.", hint="RGBA.")
    if max(frames.shape[1:3]) > 16383 or not 0 < fps <= 1000:
        raise JobError(f"{frames.shape[2]}x{frames.shape[1]} at {fps:g} a second is no WebP.", hint="Make it smaller.")
    pictures = [Image.fromarray(frame) for frame in frames]
    ends = [round(1000 * (number + 1) / fps) for number in range(len(frames))]
    lasting = [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
    buffer = io.BytesIO()
    pictures[0].save(
        buffer,
        "WEBP",
        save_all=True,
        append_images=pictures[1:],
        duration=lasting,
        loop=0 if loop else 1,
        lossless=lossless,
        quality=80,
        exact=lossless,
        minimize_size=False,
        allow_mixed=False,
    )
    return buffer.getvalue()


def read_webp(data: bytes, *, what: str = "The animation") -> tuple[npt.NDArray[np.uint8], list[int]]:
    """All pictures, uint8 (N, height, width, 4), and how many milliseconds each is shown. Raises JobError."""
    try:
        image = Image.open(io.BytesIO(data), formats=("WEBP",))
        count = int(getattr(image, "n_frames", 1))
        too_much = count * image.width * image.height * 4 > MOST_BYTES
        if too_much or max(image.size) > MOST_SIDE:
            raise JobError(f"{what} has {count} pictures of {image.width}x{image.height}, too much.", hint="Cut it.")
        pictures, lasting = [], []
        for number in range(count):
            image.seek(number)
            pictures.append(np.asarray(image.convert("RGBA"), np.uint8))
            lasting.append(int(image.info.get("duration", 0)))
    except (UnidentifiedImageError, OSError, ValueError, EOFError) as error:
        raise JobError(f"{what} cannot be read as WebP.", hint="It may be cut off; try another.") from error
    return np.stack(pictures), lasting
