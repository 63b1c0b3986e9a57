"""A spreadsheet of assets: one row an asset of any kind. A bad row is told by its line, and harms no other one."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from tenku.base.errors import TenkuError, UsageError
from tenku.studio.model import Json, Kind
from tenku.studio.recipes.asks import asset_asks
from tenku.studio.recipes.image import image_asks
from tenku.studio.recipes.recipe import Ask
from tenku.studio.recipes.tables import read_table
from tenku.studio.styles.reader import parse_size
from tenku.studio.styles.style import Style

OWN = ("kind", "prompt", "name", "schema", "seed", "count", "model", "size")
"""Columns that mean something to a batch; every other one is a parameter of the row's jobs."""
FILES = ("image", "last_image", "mask", "video", "face")
"""Columns with the path of a file, beside the spreadsheet; `references` has several, with semicolons between them."""
REFERENCES = "references"
WORDS = ("negative", "sound", "speech", "voice", "language", "instructions", "system", "sound_model", "speech_model")
"""Parameters that are texts also where they read like a number."""
MOST = 100_000
"""Jobs of one row."""
NAME = re.compile(r"[\w][\w .,()+-]{0,119}")
LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True, kw_only=True)
class BadRow:
    """A row that cannot be made."""

    line: int
    key: str
    why: str
    """A sentence."""


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What counts where a row says nothing."""

    model: Callable[[Kind], str]
    """The model for a kind; raises TenkuError: there is none, or several."""
    seed: int = 0
    style: Style | None = None
    """What all pictures share."""
    references: Sequence[str] = ()
    """The style's pictures, as inputs."""
    parameters: Mapping[str, Json]
    """Of texts."""


class Shelves(Protocol):
    """Where what rows name is found; everything raises TenkuError."""

    def schema(self, name: str) -> Mapping[str, Json]:
        """The JSON Schema in a file."""

    def file(self, name: str, *, column: str) -> str:
        """The input of a job that a file becomes."""


def read_batch(text: str, *, where: str, defaults: Defaults, shelves: Shelves) -> tuple[list[Ask], list[BadRow]]:
    """The jobs of a CSV text, and the rows that make none.

    Raises:
        UsageError: it is no table, or has no column `prompt`.
    """
    asks: list[Ask] = []
    bad: list[BadRow] = []
    taken: set[str] = set()
    for number, (line, row) in enumerate(read_table(text, where=where, need=["prompt"]), 1):
        key = row.get("name", "").strip() or f"{number:04}"
        try:
            made = _asks({name: cell.strip() for name, cell in row.items()}, key, line, defaults, shelves)
            _check_free(made, taken)
        except TenkuError as error:
            bad.append(BadRow(line=line, key=key, why=error.sentence()))
            continue
        taken.update(each.key.casefold() for each in made)
        asks.extend(made)
    return [replace(each, spec=replace(each.spec, row=row)) for row, each in enumerate(asks)], bad


def parameter(text: str) -> Json:
    """A cell as a parameter: a number, true, false, a list or an object where it reads like one, else the text."""
    try:
        value: Json = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text
    return value


def _asks(row: Mapping[str, str], key: str, line: int, defaults: Defaults, shelves: Shelves) -> Sequence[Ask]:
    if row.get(""):
        raise UsageError("It has more cells than the first line.", hint="Put a text with a comma in quotes.")
    if row.get("style"):
        raise UsageError("A set has one style.", hint="Leave the column out, and give --style.")
    if not NAME.fullmatch(key) or key.endswith((" ", ".")):
        raise UsageError(f"{key!r} cannot be the name of a file.", hint="Use letters, digits, - and _.")
    kind = _kind(row.get("kind", "") or Kind.TEXT.value)
    parameters = _parameters(row, kind, defaults, shelves)
    if not row["prompt"] and parameters.get("task") != "layers":
        raise UsageError("It has no prompt.")
    count = _whole(row, "count", 1, low=1, high=MOST)
    seed = _whole(row, "seed", defaults.seed, low=0, high=LARGEST_SEED)
    style = defaults.style if kind is Kind.IMAGE else None
    model = row.get("model", "") or (style.model if style else "") or defaults.model(kind)
    if kind is Kind.IMAGE:
        return image_asks(
            row["prompt"],
            style,
            model=model,
            parameters=parameters,
            references=defaults.references,
            count=count,
            seed=seed,
            name=key,
            line=line,
        )
    return asset_asks(
        kind, row["prompt"], model=model, parameters=parameters, count=count, seed=seed, name=key, line=line
    )


def _parameters(row: Mapping[str, str], kind: Kind, defaults: Defaults, shelves: Shelves) -> dict[str, Json]:
    given = dict(defaults.parameters) if kind is Kind.TEXT else {}
    for name, cell in row.items():
        if not cell or name in (*OWN, ""):
            continue
        if kind is Kind.TEXT or name not in (*FILES, REFERENCES):
            given[name] = cell if name in WORDS else parameter(cell)
        elif name == REFERENCES:
            given[name] = [shelves.file(each.strip(), column=name) for each in cell.split(";") if each.strip()]
        else:
            given[name] = shelves.file(cell, column=name)
    if row.get("schema"):
        if kind is not Kind.TEXT:
            raise UsageError(f"A schema is for texts, and this row makes {kind.value}.", hint="Leave schema empty.")
        given["schema"] = shelves.schema(row["schema"])
    if row.get("size"):
        given["width"], given["height"] = parse_size(row["size"], what="size")
    return given


def _kind(text: str) -> Kind:
    known = [kind.value for kind in Kind]
    if text not in known:
        raise UsageError(f"There is no kind {text!r}.", hint=f"It is one of {', '.join(known)}.")
    return Kind(text)


def _check_free(asks: Sequence[Ask], taken: set[str]) -> None:
    for each in asks:
        # Folders of some systems take `Sword` and `sword` for the same file.
        if each.key.casefold() in taken:
            raise UsageError(f"The name {each.key} is there already.", hint="Names are unique in a batch.")


def _whole(row: Mapping[str, str], name: str, default: int, *, low: int, high: int) -> int:
    text = row.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,12}", text) or not low <= int(text) <= high:
        raise UsageError(f"{name} is {text!r}.", hint=f"It is a whole number from {low} to {high}.")
    return int(text)


def _no_constant(word: str) -> Json:
    raise ValueError(word)
