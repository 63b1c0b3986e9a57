"""Patterns of paths that players and servers change, like `saves/**`.

A pattern counts from the build's root. `*` is anything within one name, `?` one letter, and a part `**` any number of
folders: `*.ini` is in the root only, `**/*.ini` anywhere, `saves/**` everything below `saves`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tenku.base.errors import PathError
from tenku.content.paths import check_path

MAX_PATTERNS = 256
MAX_DEEP = 2
"""More `**` in one pattern would let it take very long to say no."""


@dataclass(frozen=True)
class Patterns:
    """Patterns that were checked, ready for `matches`."""

    texts: tuple[str, ...]
    expression: re.Pattern[str]


def compile_patterns(texts: Sequence[str]) -> Patterns:
    """Check patterns and make them ready. Raises PathError for one that could match no path of a build."""
    if len(texts) > MAX_PATTERNS:
        raise PathError(
            f"{len(texts):,} patterns of mutable paths are too many.", hint=f"At most {MAX_PATTERNS}; use `*` and `**`."
        )
    expressions = [_translate(text) for text in texts]
    return Patterns(tuple(texts), re.compile("|".join(expressions) if texts else r"(?!)", re.DOTALL))


def matches(path: str, patterns: Patterns) -> bool:
    """Whether any of the patterns means this path."""
    return patterns.expression.fullmatch(path) is not None


def _translate(text: str) -> str:
    parts = text.split("/")
    _check(text, parts)
    *folders, name = parts
    start = "".join("(?:[^/]+/)*" if part == "**" else f"{_part(part)}/" for part in folders)
    return start + ("[^/]+(?:/[^/]+)*" if name == "**" else _part(name))


def _check(text: str, parts: list[str]) -> None:
    deep = parts.count("**")
    if deep > MAX_DEEP or any("**" in part and part != "**" for part in parts):
        raise PathError(
            f"The pattern {text!r} cannot be used.",
            hint=f"`**` stands alone between slashes, at most {MAX_DEEP} times, like saves/**.",
        )
    try:
        check_path(text.replace("*", "x").replace("?", "x"))
    except PathError as error:
        raise PathError(
            f"The pattern {text!r} can match no path of a build: {error}", hint="Write it like saves/** or *.ini."
        ) from error


def _part(part: str) -> str:
    """One name of a pattern as an expression.

    Each middle piece is matched at the first place where it fits and never again: that is enough for `*`, and no
    pattern can make the matcher try all combinations.
    """
    first, *rest = ["".join("[^/]" if letter == "?" else re.escape(letter) for letter in s) for s in part.split("*")]
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>[^/]*?{piece})" for piece in middle) + f"[^/]*{last}"
