"""Makes atlases of sprites: packed as tightly as can be, or in a regular grid of cells."""

from collections.abc import Sequence
from dataclasses import dataclass

from tenku.base.errors import UsageError
from tenku.studio.sprites.atlas import CENTRE, Animation, Atlas, Frame, Page, Point, Rect
from tenku.studio.sprites.grid import Grid
from tenku.studio.sprites.names import check_names
from tenku.studio.sprites.pack import Box, pack
from tenku.studio.sprites.pixels import MOST_PIXELS, Pixels, blank
from tenku.studio.sprites.trim import extrude, trim

MOST_SPRITES = 16_384
"""Of one atlas."""
LARGEST_PAGE = 8192


@dataclass(frozen=True, kw_only=True)
class Sprite:
    """A picture with its name, as it comes in."""

    name: str
    pixels: Pixels
    pivot: Point = CENTRE


@dataclass(frozen=True, kw_only=True)
class Packing:
    """How sprites are packed."""

    size: int = 2048
    """Width and height of a page at most."""
    padding: int = 2
    """Transparent pixels between two sprites."""
    extrude: int = 1
    """How often a sprite's outermost pixels are repeated around it."""
    trim: bool = True
    """Cut off the transparent border; frames remember it."""
    power_of_two: bool = False


@dataclass(frozen=True)
class Sheet:
    """An atlas with its pictures."""

    atlas: Atlas
    pages: Sequence[Pixels]


def make_sheet(
    name: str,
    sprites: Sequence[Sprite],
    *,
    layout: Packing | Grid,
    animations: Sequence[Animation] = (),
    pixel_art: bool = False,
) -> Sheet:
    """Put sprites on pages.

    Args:
        name: what the files begin with; pages are `NAME.png`, `NAME-2.png`, …

    Raises:
        UsageError: there is none, two have the same name, one is larger than a page, or an animation lacks a frame.
    """
    if not sprites:
        raise UsageError("There are no pictures to put on a sheet.", hint="Name a folder or files with some.")
    if len(sprites) > MOST_SPRITES:
        raise UsageError(f"{len(sprites)} sprites are more than the {MOST_SPRITES} of one sheet.", hint="Make several.")
    check_names([sprite.name for sprite in sprites])
    _check_animations(animations, {sprite.name for sprite in sprites})
    frames, pages = _packed(sprites, layout) if isinstance(layout, Packing) else _gridded(sprites, layout)
    files = [f"{name}.png", *(f"{name}-{number}.png" for number in range(2, len(pages) + 1))]
    atlas = Atlas(
        name=name,
        pages=[Page(file=file, size=(page.shape[1], page.shape[0])) for file, page in zip(files, pages, strict=True)],
        frames=frames,
        animations=animations,
        pixel_art=pixel_art,
    )
    return Sheet(atlas, pages)


def cut_out(sheet: Sheet, name: str) -> Pixels:
    """A sprite as it was before it was trimmed and packed. Raises KeyError: there is none of this name."""
    frame = next((frame for frame in sheet.atlas.frames if frame.name == name), None)
    if frame is None:
        raise KeyError(name)
    whole = blank(*frame.source)
    rect, (x, y) = frame.rect, frame.offset
    whole[y : y + rect.height, x : x + rect.width] = sheet.pages[frame.page][rect.y : rect.bottom, rect.x : rect.right]
    return whole


def _packed(sprites: Sequence[Sprite], how: Packing) -> tuple[list[Frame], list[Pixels]]:
    trimmed = [trim(sprite.pixels, keep=not how.trim) for sprite in sprites]
    # Frames that look alike, as in every animation that pauses, are on the page once.
    first: dict[tuple[int, int, bytes], str] = {}
    stands_for = [
        first.setdefault((each.rect.width, each.rect.height, each.pixels.tobytes()), sprite.name)
        for sprite, each in zip(sprites, trimmed, strict=True)
    ]
    around = 2 * how.extrude
    boxes = [
        Box(name=sprite.name, width=each.rect.width + around, height=each.rect.height + around)
        for sprite, each, same in zip(sprites, trimmed, stands_for, strict=True)
        if same == sprite.name
    ]
    packed = pack(boxes, most=how.size, gap=how.padding, power_of_two=how.power_of_two)
    pages = [blank(width, height) for width, height in packed.sizes]
    frames = []
    for sprite, each, same in zip(sprites, trimmed, stands_for, strict=True):
        page, place = packed.places[same]
        if same == sprite.name:
            pages[page][place.y : place.bottom, place.x : place.right] = extrude(each.pixels, how.extrude)
        height, width = sprite.pixels.shape[:2]
        frames.append(
            Frame(
                name=sprite.name,
                page=page,
                rect=Rect(place.x + how.extrude, place.y + how.extrude, each.rect.width, each.rect.height),
                source=(width, height),
                offset=(each.rect.x, each.rect.y),
                pivot=sprite.pivot,
            )
        )
    return frames, pages


def _gridded(sprites: Sequence[Sprite], grid: Grid) -> tuple[list[Frame], list[Pixels]]:
    """Cells as large as the largest sprite; smaller ones stand in the middle."""
    width = max(sprite.pixels.shape[1] for sprite in sprites)
    height = max(sprite.pixels.shape[0] for sprite in sprites)
    step_x, step_y = width + grid.padding, height + grid.padding
    size = (grid.columns * step_x - grid.padding, grid.rows * step_y - grid.padding)
    if max(size) > LARGEST_PAGE or size[0] * size[1] > MOST_PIXELS:
        raise UsageError(
            f"{grid.columns}x{grid.rows} cells of {width}x{height} pixels make a page of {size[0]}x{size[1]}; "
            f"{LARGEST_PAGE}x{LARGEST_PAGE} is the most.",
            hint="Make them smaller, or take fewer cells.",
        )
    cells = grid.columns * grid.rows
    pages = [blank(*size) for _ in range(-(-len(sprites) // cells))]
    frames = []
    for number, sprite in enumerate(sprites):
        page, cell = divmod(number, cells)
        row, column = divmod(cell, grid.columns)
        own_height, own_width = sprite.pixels.shape[:2]
        x, y = column * step_x + (width - own_width) // 2, row * step_y + (height - own_height) // 2
        pages[page][y : y + own_height, x : x + own_width] = sprite.pixels
        cell_rect = Rect(column * step_x, row * step_y, width, height)
        frames.append(Frame(name=sprite.name, page=page, rect=cell_rect, source=(width, height), pivot=sprite.pivot))
    return frames, pages


def _check_animations(animations: Sequence[Animation], names: set[str]) -> None:
    check_names([each.name for each in animations])
    for each in animations:
        missing = [frame for frame in each.frames if frame not in names]
        if missing or not each.frames:
            what = f"lacks its frame {missing[0]}" if missing else "has no frames"
            raise UsageError(f"The animation {each.name} {what}.", hint="Look at the names of the pictures.")
        if len(each.seconds) != len(each.frames) or min(each.seconds) <= 0:
            raise UsageError(f"The animation {each.name} needs a time above 0 for each of its frames.")
