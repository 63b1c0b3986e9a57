"""One row of a spreadsheet: its cells by what they mean, and errors that name the column as it is written."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tenku.base.errors import JobError, TenkuError, UsageError
from tenku.studio.model import Json

SAME = {"from": "image", "to": "last_image", "reference": "references"}
"""Columns that are called as the flags of the single commands."""
FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row."""

    cells: Mapping[str, str]
    """By the meaning of their columns; empty ones too."""
    titles: Mapping[str, str]
    """What the columns are called in the file."""

    def __getitem__(self, name: str) -> str:
        """A cell; empty: there is none."""
        return self.cells.get(name, "")

    def title(self, name: str) -> str:
        """The column that says this, as it is written; empty: none of the row does."""
        if name in ("width", "height") and not self[name]:
            name = "size"
        return self.titles[name] if self[name] else ""

    @contextmanager
    def column(self, name: str) -> Iterator[None]:
        """What goes wrong in this block is the fault of a column. Raises UsageError."""
        try:
            yield
        except TenkuError as error:
            raise _of(self.title(name), error) from None

    def whole(self, name: str, default: int, *, low: int, high: int) -> int:
        """A whole number. Raises UsageError."""
        text = self[name]
        if not text:
            return default
        with self.column(name):
            if not re.fullmatch(r"[0-9]{1,12}", text) or not low <= int(text) <= high:
                raise UsageError(f"{name} is {text!r}.", hint=f"It is a whole number from {low} to {high}.")
        return int(text)

    def flag(self, name: str) -> bool:
        """Yes or no; no, where nothing is said. Raises UsageError."""
        with self.column(name):
            if self[name].lower() not in FLAGS:
                raise UsageError(f"{name} is {self[name]!r}.", hint="It is true or false.")
        return FLAGS[self[name].lower()]

    def checked(self, check: Callable[[], None]) -> None:
        """Have a job checked; the column that made what is wrong is named. Raises UsageError."""
        try:
            check()
        except JobError as error:
            raise _of(self.title(error.parameter), error) from None
        except TenkuError as error:
            # What is wrong with a model is wrong with the cell that named it.
            raise _of(self.title("model"), error) from None


def row_of(cells: Mapping[str, str]) -> Row:
    """A row as it was read. Raises UsageError: too many cells, or two that mean the same."""
    if cells.get(""):
        raise UsageError("It has more cells than the first line.", hint="Put a text with a comma in quotes.")
    meant: dict[str, str] = {}
    titles: dict[str, str] = {}
    for title, cell in cells.items():
        name = SAME.get(title, title.replace("-", "_"))
        if meant.get(name) and cell.strip():
            raise UsageError(f"The columns {titles[name]} and {title} mean the same.", hint="Leave one of them empty.")
        if cell.strip() or name not in meant:
            meant[name], titles[name] = cell.strip(), title
    return Row(cells=meant, titles=titles)


def parameter(text: str) -> Json:
    """A cell as a parameter: a number, true, false, a list or an object where it reads like one, else the text."""
    try:
        value: Json = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text
    return value


def _of(title: str, error: TenkuError) -> UsageError:
    return UsageError(f"Column {title}: {error}" if title else str(error), hint=error.hint)


def _no_constant(word: str) -> Json:
    raise ValueError(word)
