"""Pictures as PNG: the same pixels are the same bytes, without times, names or programs."""

import io
from collections.abc import Sequence

from PIL import Image

LEVEL = 6
"""Of compression; more takes far longer for little."""


def png(picture: Image.Image) -> bytes:
    """A picture as a PNG file."""
    plain = Image.frombytes(picture.mode, picture.size, picture.tobytes())  # nothing besides pixels comes along
    with io.BytesIO() as file:
        plain.save(file, "PNG", compress_level=LEVEL)
        return file.getvalue()


def composite(layers: Sequence[Image.Image]) -> Image.Image:
    """Layers with alpha laid over each other, the first one lowest."""
    whole = Image.new("RGBA", layers[0].size)
    for layer in layers:
        whole = Image.alpha_composite(whole, layer.convert("RGBA"))
    return whole
