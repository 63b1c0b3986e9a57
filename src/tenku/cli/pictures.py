"""What the commands that make pictures and videos share: sizes, files that come along, numbers, names."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tenku.base.errors import JobError, UsageError

if TYPE_CHECKING:
    from tenku.studio.model import Json
    from tenku.workshop import Workshop

LONGEST_SLUG = 40


def slug(text: str) -> str:
    """A text as the name of a folder or file: `a potion icon!` is `a-potion-icon`."""
    words = re.findall(r"\w+", text.lower())
    return "-".join(words)[:LONGEST_SLUG].strip("-_") or "assets"


def numbers(args: argparse.Namespace, **flags: tuple[float, float]) -> "dict[str, Json]":
    """Flags that hold numbers, where they were given; each with its least and its largest value. Raises UsageError."""
    given: dict[str, Json] = {}
    for name, (low, high) in flags.items():
        text = getattr(args, name)
        if text is not None:
            given[name] = _number(f"--{name.replace('_', '-')}", text, low=low, high=high)
    return given


def texts(args: argparse.Namespace, *names: str) -> "dict[str, Json]":
    """Flags that hold texts, where they were given."""
    return {name: getattr(args, name) for name in names if getattr(args, name)}


def size_of(args: argparse.Namespace) -> "dict[str, Json]":
    """`--size` as width and height. Raises UsageError."""
    from tenku.studio.styles.reader import parse_size

    if not args.size:
        return {}
    width, height = parse_size(args.size, what="--size")
    return {"width": width, "height": height}


def picture_input(shop: "Workshop", path: Path, *, what: str) -> str:
    """A picture of the user as an input of jobs; its name. Raises UsageError: it is none that can be read."""
    from tenku.studio.pictures import read_picture

    data = _read(path, what=what)
    try:
        read_picture(data, what=str(path))
    except JobError as error:
        raise UsageError(f"{what}: {error}", hint=error.hint) from None
    return shop.inputs.put(data)


def video_input(shop: "Workshop", path: Path, *, what: str) -> str:
    """A video of the user as an input of jobs; its name. Raises UsageError: it is none that can be read."""
    from tenku.studio.media.readframes import read_frames

    data = _read(path, what=what)
    try:
        read_frames(data, what=str(path), most_frames=1)
    except JobError as error:
        raise UsageError(f"{what}: {error}", hint=error.hint) from None
    return shop.inputs.put(data)


def _read(path: Path, *, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{what}: {path} cannot be read: {error.strerror}.", hint="Look at its name.") from None


def _number(flag: str, text: str, *, low: float, high: float) -> float | int:
    try:
        value = float(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise UsageError(f"{flag}: {text!r} cannot be used: it is a number from {low:g} to {high:g}.")
    return int(value) if value == int(value) else value
