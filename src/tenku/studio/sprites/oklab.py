"""OKLab: colours as numbers whose distances are what eyes see. 0.02 is just visible side by side, 1 is black to white.

Source: Björn Ottosson, "A perceptual color space for image processing", https://bottosson.github.io/posts/oklab/.
"""

import numpy as np

from tenku.studio.sprites.pixels import Floats, Pixels

CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    dtype=np.float64,
)
LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    dtype=np.float64,
)
_STEPS = np.arange(256) / 255
LINEAR = np.where(_STEPS <= 0.04045, _STEPS / 12.92, ((_STEPS + 0.055) / 1.055) ** 2.4).astype(np.float32)
"""Light by sRGB byte."""


def to_oklab(pixels: Pixels) -> Floats:
    """(…, 3 or 4) bytes of sRGB to (…, 3) lightness, green-red, blue-yellow; alpha is left out."""
    light = LINEAR[pixels[..., :3]]
    lab: Floats = (np.cbrt(light @ CONES.T.astype(np.float32)) @ LAB.T.astype(np.float32)).astype(np.float32)
    return lab


def from_oklab(lab: Floats) -> Pixels:
    """(…, 3) OKLab to (…, 3) bytes of sRGB; what no screen can show is clipped."""
    light = np.clip(((lab.astype(np.float64) @ np.linalg.inv(LAB).T) ** 3) @ np.linalg.inv(CONES).T, 0, 1)
    encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * np.power(light, 1 / 2.4) - 0.055)
    colours: Pixels = np.rint(encoded * 255).astype(np.uint8)
    return colours


def distance(one: Floats, other: Floats) -> Floats:
    """How different colours look, along the last axis."""
    apart: Floats = np.sqrt(np.square(one - other).sum(axis=-1))
    return apart
