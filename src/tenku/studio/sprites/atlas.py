"""The nouns of sprites: rectangles, frames, animations, pages, atlases. Plain data; pixels are elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Rect:
    """A rectangle of whole pixels; x to the right, y downwards."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column that is no longer inside."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row that is no longer inside."""
        return self.y + self.height


@dataclass(frozen=True)
class Point:
    """A place as fractions of a picture's width and height, from its upper left corner."""

    x: float
    y: float


CENTRE = Point(0.5, 0.5)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where one sprite is, and what was cut off around it."""

    name: str
    """As the user calls it, like `hero/walk_0`; no two of an atlas have the same."""
    page: int
    """Which of the atlas' pages it is on, from 0."""
    rect: Rect
    """Its pixels on the page, without the transparent border of its source."""
    source: tuple[int, int]
    """Width and height of the picture it came from."""
    offset: tuple[int, int] = (0, 0)
    """Where `rect` lay in the source."""
    pivot: Point = CENTRE
    """What it turns around and stands on, as a fraction of the *source*: trimming does not move it."""

    @property
    def trimmed(self) -> bool:
        """Whether something was cut off."""
        return (self.rect.width, self.rect.height) != self.source


@dataclass(frozen=True, kw_only=True)
class Animation:
    """Frames one after the other."""

    name: str
    frames: Sequence[str]
    """Names of frames of the atlas; one may come twice."""
    seconds: Sequence[float]
    """How long each of them is shown."""
    loop: bool = True

    @property
    def rate(self) -> float:
        """Frames a second of its shortest frame; engines want a speed, and durations as multiples of that."""
        return 1 / min(self.seconds)


@dataclass(frozen=True, kw_only=True)
class Page:
    """One picture of an atlas."""

    file: str
    """A file name without folders, like `atlas.png`."""
    size: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Atlas:
    """Which sprite is where."""

    name: str
    """What its files begin with."""
    pages: Sequence[Page]
    frames: Sequence[Frame]
    """In the order in which they were given."""
    animations: Sequence[Animation] = field(default=())
    pixel_art: bool = False
    """Engines show it without smoothing."""

    def on(self, page: int) -> Sequence[Frame]:
        """The frames of one page."""
        return [frame for frame in self.frames if frame.page == page]
