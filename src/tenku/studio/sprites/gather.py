"""Finds the pictures that a user names: files, folders, and animated files, whose frames become sprites."""

import fnmatch
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tenku.base.errors import UsageError
from tenku.studio.sprites.atlas import CENTRE, Animation, Point
from tenku.studio.sprites.names import natural
from tenku.studio.sprites.pixels import MOST_TOTAL, Still, decode_all, read_file
from tenku.studio.sprites.sheet import MOST_SPRITES, Sprite

PICTURES = (".png", ".webp", ".gif", ".apng", ".jpg", ".jpeg", ".bmp", ".tga", ".tif", ".tiff")
VIDEOS = (".mp4", ".webm", ".mkv", ".avi", ".mov")
FASTEST = 240.0


@dataclass(frozen=True)
class Found:
    """A picture file, and the name of its sprite."""

    path: Path
    name: str


@dataclass(frozen=True)
class Gathered:
    """What was read."""

    sprites: Sequence[Sprite]
    animations: Sequence[Animation] = field(default=())
    """One for each file that is animated itself."""


@dataclass(frozen=True)
class AnimationRule:
    """An animation as a user writes it: `walk=hero/walk_*@12`."""

    name: str
    pattern: str
    rate: float
    loop: bool


def find(paths: Sequence[Path], *, but: Path | None = None) -> list[Found]:
    """The pictures below folders, in the order of their names as people sort, and files as they were named.

    Args:
        but: a sheet that is about to be written; its pages are no sprites of it.

    Raises:
        UsageError: there is none, or a file is of no kind that is known.
    """
    found = [each for path in paths for each in (_below(path) if path.is_dir() else _file(path))]
    if but is not None:
        page = re.compile(rf"{re.escape(but.stem)}(-\d+)?\.png")
        beside = but.absolute().parent
        found = [each for each in found if each.path.absolute().parent != beside or not page.fullmatch(each.path.name)]
    if not found:
        raise UsageError("There are no pictures there.", hint=f"Name a folder or files: {', '.join(PICTURES)}.")
    if len(found) > MOST_SPRITES:
        raise UsageError(f"{len(found)} pictures are more than {MOST_SPRITES}.", hint="Take fewer at once.")
    return found


def gather(found: Sequence[Found], *, pivot: Point = CENTRE) -> Gathered:
    """Read pictures. Raises UsageError: one cannot be read, or they are too many. JobError: a video cannot be read."""
    sprites: list[Sprite] = []
    animations = []
    total = 0
    for each in found:
        stills = read_stills(each.path)
        total += sum(still.pixels.shape[0] * still.pixels.shape[1] for still in stills)
        if total > MOST_TOTAL or len(sprites) + len(stills) > MOST_SPRITES:
            raise UsageError("These pictures are too many for one sheet.", hint="Take fewer or smaller ones.")
        if len(stills) == 1:
            sprites.append(Sprite(name=each.name, pixels=stills[0].pixels, pivot=pivot))
            continue
        digits = len(str(len(stills) - 1))
        names = [f"{each.name}_{number:0{digits}}" for number in range(len(stills))]
        sprites += [
            Sprite(name=name, pixels=still.pixels, pivot=pivot) for name, still in zip(names, stills, strict=True)
        ]
        animations.append(Animation(name=each.name, frames=names, seconds=[still.seconds for still in stills]))
    return Gathered(sprites, animations)


def read_stills(path: Path) -> list[Still]:
    """Every picture of a file. Raises UsageError; JobError: a video cannot be read."""
    data = read_file(path)
    if path.suffix.lower() not in VIDEOS:
        return decode_all(data, where=str(path))
    from tenku.studio.media.readframes import read_frames

    reel = read_frames(data, what=str(path))
    opaque = np.full((*reel.frames.shape[1:3], 1), 255, dtype=np.uint8)
    return [Still(np.concatenate([frame, opaque], axis=-1), 1 / reel.fps) for frame in reel.frames]


def parse_animation(text: str) -> AnimationRule:
    """`NAME=PATTERN@FPS`, and `,once` behind it where it does not loop. Raises UsageError."""
    found = re.fullmatch(r"([^=]+)=(.+)@([0-9]+(?:\.[0-9]+)?)(,once)?", text)
    if not found or not 0 < float(found[3]) <= FASTEST:
        raise UsageError(
            f"--animation: {text!r} cannot be used.", hint="Write NAME=PATTERN@FPS, like 'walk=hero/walk_*@12'."
        )
    return AnimationRule(found[1], found[2], float(found[3]), loop=not found[4])


def animate(rules: Sequence[AnimationRule], names: Sequence[str]) -> list[Animation]:
    """The animations of these sprites, frames as people sort their names. Raises UsageError: a pattern fits none."""
    animations = []
    for rule in rules:
        frames = sorted((name for name in names if fnmatch.fnmatchcase(name, rule.pattern)), key=natural)
        if not frames:
            raise UsageError(
                f"No picture is called {rule.pattern}, which the animation {rule.name} wants.",
                hint=f"There are {', '.join(sorted(names, key=natural)[:3])}{' and others' if len(names) > 3 else ''}.",
            )
        animations.append(
            Animation(name=rule.name, frames=frames, seconds=[1 / rule.rate] * len(frames), loop=rule.loop)
        )
    return animations


def _below(folder: Path) -> Iterator[Found]:
    try:
        files = [path for path in folder.rglob("*") if path.suffix.lower() in (*PICTURES, *VIDEOS) and path.is_file()]
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror}.", hint="Look at its permissions.") from None
    named = [(path.relative_to(folder), path) for path in files]
    for name, path in sorted(named, key=lambda each: natural(each[0].as_posix())):
        if not any(part.startswith(".") for part in name.parts):
            yield Found(path, name.with_suffix("").as_posix())


def _file(path: Path) -> Iterator[Found]:
    if path.exists() and path.suffix.lower() not in (*PICTURES, *VIDEOS):
        raise UsageError(f"{path} is no picture that is known.", hint=f"Those are {', '.join((*PICTURES, *VIDEOS))}.")
    yield Found(path, path.stem)
