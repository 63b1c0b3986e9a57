"""Small pictures that tests draw: a potion, a sword and a ring, with soft edges, alone or on a plain background."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from tenku.studio.sprites.pixels import Floats, Pixels

FINE = 8
"""Pictures are drawn that many times as large; edges become soft as they are made small."""
Draw = Callable[[ImageDraw.ImageDraw, float], None]


def potion(draw: ImageDraw.ImageDraw, unit: float) -> None:
    """A flask with a dark outline, 32 units high; `unit` is how many pixels one is."""

    def box(*edges: float) -> list[float]:
        return [edge * unit for edge in edges]

    draw.rectangle(box(13, 4, 19, 12), fill="#3b2a1a")
    draw.rectangle(box(14, 5, 18, 12), fill="#b98a53")
    draw.ellipse(box(6, 10, 26, 29), fill="#2b1d3a")
    draw.ellipse(box(7.5, 11.5, 24.5, 27.5), fill="#c22f5d")
    draw.ellipse(box(10, 14, 14, 18), fill="#f7b5c6")


def sword(draw: ImageDraw.ImageDraw, unit: float) -> None:
    """A blade, thin and slanted."""

    def line(points: tuple[float, ...], colour: str, width: float) -> None:
        draw.line([each * unit for each in points], fill=colour, width=round(width * unit))

    line((6, 26, 27, 5), "#1f2a33", 4)
    line((6, 26, 26.5, 5.5), "#aebfca", 2)
    line((7, 18, 14, 25), "#8a5a1c", 2.5)


def ring(draw: ImageDraw.ImageDraw, unit: float) -> None:
    """Gold around nothing."""
    draw.ellipse([6 * unit, 6 * unit, 26 * unit, 26 * unit], outline="#d9a520", width=round(4 * unit))


def drawn(what: Draw, *, size: int = 64) -> Pixels:
    """A picture with real alpha: the truth."""
    image = Image.new("RGBA", (size * FINE, size * FINE))
    what(ImageDraw.Draw(image), size * FINE / 32)
    # Colours are averaged by how much of them is there, so that no edge is darker than it should be.
    fine = np.asarray(image, dtype=np.float64).reshape(size, FINE, size, FINE, 4)
    alpha = fine[..., 3:].mean(axis=(1, 3))
    colours = (fine[..., :3] * fine[..., 3:]).mean(axis=(1, 3)) / np.maximum(alpha, 1e-6)
    pixels: Pixels = np.rint(np.concatenate([colours, alpha], axis=-1)).astype(np.uint8)
    return pixels


def on(pixels: Pixels, background: tuple[int, int, int], *, noise: float = 0, seed: int = 1) -> Pixels:
    """A picture on a plain background, as an image model makes it: every pixel opaque."""
    alpha = pixels[..., 3:].astype(np.float64) / 255
    flat = pixels[..., :3] * alpha + np.array(background) * (1 - alpha)
    flat += np.random.default_rng(seed).normal(0, noise, flat.shape) if noise else 0
    opaque = np.full((*pixels.shape[:2], 1), 255, dtype=np.uint8)
    return np.concatenate([np.rint(flat.clip(0, 255)).astype(np.uint8), opaque], axis=-1)


def seen_on(pixels: Pixels, background: tuple[int, int, int]) -> Floats:
    """What a player sees of a transparent picture on a ground of this colour."""
    return on(pixels, background)[..., :3].astype(np.float32)


def png(pixels: Pixels) -> bytes:
    """The picture as a file."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()
