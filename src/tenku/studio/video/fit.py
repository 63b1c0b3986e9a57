"""Pictures and videos that came with a job, in the size and at the rate that a model works with."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from tenku.studio.media.readframes import Reel
from tenku.studio.video.length import retimed

WHITE, BLACK, GREY = (255, 255, 255), (0, 0, 0), (128, 128, 128)


def on_white(picture: Image.Image) -> Image.Image:
    """As RGB; what is transparent lies on white."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    clear = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")


def covering(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The picture in another size: as large as it has to be to cover it, and what stands over is cut off evenly.

    Nothing is stretched; a picture of this size stays as it is.
    """
    if picture.size == (width, height):
        return picture
    scale = max(width / picture.width, height / picture.height)
    large = picture.resize(
        (max(width, round(picture.width * scale)), max(height, round(picture.height * scale))),
        Image.Resampling.LANCZOS,
    )
    left, top = (large.width - width) // 2, (large.height - height) // 2
    return large.crop((left, top, left + width, top + height))


def pictures_of(reel: Reel, *, fps: int, width: int, height: int) -> list[Image.Image]:
    """The pictures of a video at another rate and in another size."""
    order = retimed(len(reel.frames), made=reel.fps, shown=fps)
    return [covering(Image.fromarray(reel.frames[at]), width, height) for at in order]


def as_long(pictures: Sequence[Image.Image], count: int) -> list[Image.Image]:
    """So many of them; the last one stays where there are fewer."""
    return [*pictures[:count], *[pictures[-1]] * (count - len(pictures))]


def from_frame(frame: np.ndarray) -> Image.Image:
    """A picture that was made, uint8 (height, width, 3)."""
    return Image.fromarray(frame)


def plain(colour: tuple[int, int, int], like: Image.Image | tuple[int, int]) -> Image.Image:
    """A picture of one colour."""
    return Image.new("RGB", like if isinstance(like, tuple) else like.size, colour)
