"""The contact sheet: every place of a set in one picture, with its name and what was said of it. Needs pillow."""

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from tenku.studio.pictures import read_picture

SIDE = 160
"""Pixels of a tile's picture."""
LABEL = 40
GAP = 12
GROUND, INK, DIM = (24, 24, 28), (235, 235, 235), (150, 150, 158)
CHECKS = ((58, 58, 64), (72, 72, 80))
"""What shows through where a picture is transparent."""
COLOURS = {"approved": (80, 200, 120), "rejected": (225, 90, 90), "failed": (225, 90, 90)}
MOST_COLUMNS = 8


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One place."""

    name: str
    state: str
    """`approved`, `rejected`, `open`, `failed`, …"""
    picture: bytes = b""
    """PNG, or any other format; empty: there is none to show."""


def contact_sheet(tiles: Sequence[Tile], *, columns: int = 0) -> bytes:
    """A PNG with all of them, row by row.

    Args:
        columns: 0: as many as make it about square.

    Raises:
        JobError: a picture cannot be read.
    """
    columns = columns or min(MOST_COLUMNS, max(1, round(len(tiles) ** 0.5 + 0.49)))
    rows = max(1, -(-len(tiles) // columns))
    step_x, step_y = SIDE + GAP, SIDE + LABEL + GAP
    sheet = Image.new("RGB", (GAP + columns * step_x, GAP + rows * step_y), GROUND)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        sheet.paste(_drawn(tile), (GAP + column * step_x, GAP + row * step_y))
    out = io.BytesIO()
    sheet.save(out, "PNG", compress_level=4)
    return out.getvalue()


def _drawn(tile: Tile) -> Image.Image:
    whole = Image.new("RGB", (SIDE, SIDE + LABEL), GROUND)
    whole.paste(_checks(), (0, 0))
    if tile.picture:
        picture = _fitted(read_picture(tile.picture, what=f"The picture of {tile.name}"))
        whole.paste(picture, ((SIDE - picture.width) // 2, (SIDE - picture.height) // 2), picture)
    draw = ImageDraw.Draw(whole)
    colour = COLOURS.get(tile.state)
    if colour:
        draw.rectangle((0, 0, SIDE - 1, SIDE - 1), outline=colour, width=3)
    font = ImageFont.load_default(13)
    draw.text((2, SIDE + 4), textwrap.shorten(tile.name, 24, placeholder="…"), fill=INK, font=font)
    draw.text((2, SIDE + 21), tile.state, fill=colour or DIM, font=font)
    return whole


def _fitted(picture: Image.Image) -> Image.Image:
    """Made smaller smoothly; pixel art is made larger by whole steps, so that each pixel stays one."""
    picture = picture.convert("RGBA")
    if max(picture.size) > SIDE:
        picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        return picture
    times = SIDE // max(picture.size)
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)


def _checks() -> Image.Image:
    ground = Image.new("RGB", (SIDE, SIDE), CHECKS[0])
    draw = ImageDraw.Draw(ground)
    for y in range(0, SIDE, 16):
        for x in range((y // 16 % 2) * 16, SIDE, 32):
            draw.rectangle((x, y, x + 15, y + 15), fill=CHECKS[1])
    return ground
