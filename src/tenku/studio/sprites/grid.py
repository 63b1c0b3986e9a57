"""A sheet of equal cells. Apart from `sheet.py`, which loads what reads pictures: commands read a grid at once."""

import re
from dataclasses import dataclass

from tenku.base.errors import UsageError


@dataclass(frozen=True)
class Grid:
    """A sheet of equal cells."""

    columns: int
    rows: int
    """Of a page; what does not fit goes on to the next one."""
    padding: int = 0
    """Transparent pixels between two cells."""


def parse_grid(text: str) -> Grid:
    """`4x4` as columns and rows. Raises UsageError."""
    found = re.fullmatch(r"([1-9]\d{0,3})x([1-9]\d{0,3})", text)
    if not found:
        raise UsageError(f"{text!r} is no grid.", hint="Write columns and rows, like 4x4.")
    return Grid(int(found[1]), int(found[2]))
