"""Reads the values of one section of a style profile; each method raises UsageError with the key and what it may be."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tenku.base.errors import UsageError

LARGEST_SEED = 2**32 - 1
MOST_COLOURS = 256
_SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def parse_size(text: str, *, what: str) -> tuple[int, int]:
    """`512x512` as width and height. Raises UsageError."""
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise UsageError(f"{what}: {text!r} is no size.", hint="Write width and height, like 512x512.")
    return int(found[1]), int(found[2])


class Reader:
    """One section.

    Args:
        where: the file, for messages.
        section: its name; empty: the top.
        folder: what paths are relative to; None: paths are refused.
    """

    def __init__(self, part: Mapping[str, Any], *, where: str, section: str, folder: Path | None) -> None:
        self._part = part
        self._where = where
        self._section = section
        self._folder = folder

    def text(self, key: str) -> str:
        """A text on one line."""
        value = self._part.get(key, "")
        if not isinstance(value, str):
            raise self.wrong(key, value, "a text")
        return " ".join(value.split())

    def choice(self, key: str, choices: Sequence[str], default: str) -> str:
        """One of several words."""
        value = self._part.get(key, default)
        if value not in choices:
            raise self.wrong(key, value, f"one of {', '.join(choices)}")
        return str(value)

    def whole(self, key: str, *, low: int, high: int) -> int | None:
        """A whole number; None: it is not there."""
        value = self._part.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.wrong(key, value, f"a whole number from {low} to {high}")
        return value

    def number(self, key: str, *, low: float, high: float, default: float) -> float:
        """A number."""
        value = self._part.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.wrong(key, value, f"a number from {low:g} to {high:g}")
        return float(value)

    def size(self, key: str) -> tuple[int, int] | None:
        """`512x512` as width and height."""
        value = self._part.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not _SIZE.fullmatch(value):
            raise self.wrong(key, value, "a size like 512x512")
        return parse_size(value, what=key)

    def seeds(self, key: str) -> tuple[int, ...]:
        """A list of seeds."""
        value = self._part.get(key, [])
        right = isinstance(value, list) and all(
            isinstance(each, int) and not isinstance(each, bool) and 0 <= each <= LARGEST_SEED for each in value
        )
        if not right:
            raise self.wrong(key, value, f"a list of whole numbers from 0 to {LARGEST_SEED}")
        return tuple(value)

    def files(self, key: str, *, most: int) -> tuple[Path, ...]:
        """Paths of files."""
        value = self._part.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value) or len(value) > most:
            raise self.wrong(key, value, f"a list of at most {most} paths")
        return tuple(self._path(key, each) for each in value)

    def palette(self, key: str) -> tuple[str, ...]:
        """Colours as they stand there, or those of a file."""
        value = self._part.get(key, [])
        if isinstance(value, str):
            # Reading pictures needs numpy, which who has no such file does without.
            from tenku.studio.styles.palettefile import colours_of

            return colours_of(self._path(key, value))
        if not isinstance(value, list) or not all(isinstance(each, str) and _COLOUR.fullmatch(each) for each in value):
            raise self.wrong(key, value, "a list of colours like #ff8800, or the path of a palette's file")
        if len(value) > MOST_COLOURS:
            raise self.wrong(key, f"a list of {len(value)} colours", f"at most {MOST_COLOURS}")
        return tuple(dict.fromkeys(each.lower() for each in value))

    def wrong(self, key: str, value: object, right: str) -> UsageError:
        """What is to be said of a value that cannot be used."""
        inside = f"[{self._section}] {key}" if self._section else key
        return UsageError(f"{self._where}: {inside} is {str(value)[:80]!r}; it has to be {right}.")

    def _path(self, key: str, text: str) -> Path:
        if self._folder is None:
            raise self.wrong(key, text, "left out here")
        return self._folder / text
