"""The first picture of a video, for lists and contact sheets."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from tenku.studio.media.readframes import read_frames


def poster(data: bytes, *, longest: int = 0) -> bytes:
    """The first picture as PNG. Raises JobError: it is no video.

    Args:
        longest: pixels of the longer side at most; 0: as it is.
    """
    return png_of(read_frames(data, most_frames=1).frames[0], longest=longest)


def png_of(picture: npt.NDArray[np.uint8], *, longest: int = 0) -> bytes:
    """A picture, uint8 (height, width, 3 or 4), as PNG, made smaller where it is larger than `longest`."""
    image = Image.fromarray(picture)
    if longest and max(image.size) > longest:
        image.thumbnail((longest, longest))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
