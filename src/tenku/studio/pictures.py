"""Pictures that people bring: how large they are, and where they have holes."""

import io
import math
import warnings

from PIL import Image, UnidentifiedImageError

from tenku.base.errors import JobError

MOST_PIXELS = 64_000_000
"""A picture of more is not read: a small file can claim any size."""
WORKING_PIXELS = 1024 * 1024
"""What models are made for; a larger picture is worked on at this size."""


def read_picture(data: bytes, *, what: str = "The picture") -> Image.Image:
    """A picture, read whole. Raises JobError: it is none, it is cut off, or too large."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data))
            if picture.width * picture.height > MOST_PIXELS:
                raise JobError(
                    f"{what} has {picture.width}x{picture.height} pixels.", hint="Take one of at most 64 megapixels."
                )
            picture.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        why = "it is no picture" if isinstance(error, UnidentifiedImageError) else error
        raise JobError(f"{what} cannot be read: {why}.", hint="Send a whole PNG, JPEG or WebP.") from None
    return picture


def working_size(data: bytes, *, multiple: int) -> tuple[int, int]:
    """Width and height at which a picture is worked on: as it is where it can be, else smaller. Raises JobError."""
    picture = read_picture(data)
    scale = min(1.0, math.sqrt(WORKING_PIXELS / (picture.width * picture.height)))
    width, height = (max(4, round(side * scale / multiple)) * multiple for side in picture.size)
    return width, height


def mask_of_holes(data: bytes) -> bytes:
    """OpenAI's mask, transparent where a picture may change, as ours, which is white there; PNG. Raises JobError."""
    picture = read_picture(data, what="The mask")
    if not picture.has_transparency_data:
        raise JobError("The mask has no transparent part.", hint="Make it transparent where the picture may change.")
    holes = picture.convert("RGBA").getchannel("A").point(lambda alpha: 255 if alpha < 128 else 0)
    file = io.BytesIO()
    holes.save(file, "PNG")
    return file.getvalue()
