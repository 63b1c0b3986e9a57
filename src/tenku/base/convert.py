"""Text into values: what a flag, an environment variable or a key of config.toml may say.

A converter takes text and raises ValueError, whose text says what it takes: "it takes a whole number".
"""

from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, get_args

Converter = Callable[[str], Any]

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}
_THOUSANDS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST = 36525 * 86400


class Secret:
    """A text that shows in no `repr`, log or error message; `reveal()` gives it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


def truth(text: str) -> bool:
    """Yes or no, in the words that people use."""
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("it takes true or false")
    return word in _TRUE


def whole(text: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:
        raise ValueError("it takes a whole number") from None


def number(text: str) -> float:
    """A number that is finite."""
    try:
        value = float(text)
    except ValueError:
        raise ValueError("it takes a number") from None
    if value - value != 0:  # infinite, or no number
        raise ValueError("it takes a number")
    return value


def bits_per_second(text: str) -> int:
    """A bitrate such as `8M`, `800k` or `8000000`; k and M are thousands, as networks count."""
    digits = text.strip().lower()
    unit = digits[-1:] if digits[-1:] in _THOUSANDS else ""
    try:
        return round(number(digits.removesuffix(unit)) * _THOUSANDS[unit])
    except ValueError:
        raise ValueError("a bitrate is written like 8M or 800k") from None


def span(text: str) -> int:
    """A stretch of time such as `90s`, `15m`, `36h` or `30d`, in seconds; from one to a hundred years."""
    digits, unit = text.strip()[:-1], text.strip()[-1:]
    if unit not in _SPANS or not digits.isascii() or not digits.isdigit() or len(digits) > 10:
        raise ValueError("a stretch of time is written like 30d, 36h, 15m or 90s")
    seconds = int(digits) * _SPANS[unit]
    if not 1 <= seconds <= _LONGEST:
        raise ValueError("it is from one second to a hundred years")
    return seconds


def byte_count(text: str) -> int:
    """A number of bytes such as `50G`, `800M` or `8000000`; k, M and G are thousands, as disks count."""
    digits = text.strip().lower()
    unit = digits[-1:] if digits[-1:] in _THOUSANDS else ""
    try:
        return round(number(digits.removesuffix(unit)) * _THOUSANDS[unit])
    except ValueError:
        raise ValueError("a number of bytes is written like 50G or 800M") from None


def converter_for(annotation: Any) -> Converter:
    """The converter for a field's type: str, int, float, bool, Path, Secret, an Enum, or one of them `| None`."""
    inner = [kind for kind in get_args(annotation) if kind is not NoneType]
    if inner:
        given = converter_for(inner[0])
        return lambda text: given(text) if text else None
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return lambda text: _member(annotation, text)
    return _CONVERTERS[annotation]


def _member(kind: type[Enum], text: str) -> Enum:
    try:
        return kind(text)
    except ValueError:
        raise ValueError("it is one of " + ", ".join(str(member.value) for member in kind)) from None


_CONVERTERS: dict[Any, Converter] = {
    str: str,
    int: whole,
    float: number,
    bool: truth,
    Path: lambda text: Path(text).expanduser(),
    Secret: Secret,
}
