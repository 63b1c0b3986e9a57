"""A spreadsheet of assets: one row an asset of any kind. A bad row is told by its line, and harms no other one."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from tenku.base.errors import TenkuError, UsageError
from tenku.studio.batchlook import Look, count_of, grid_of, look_of
from tenku.studio.batchrow import Row, parameter, row_of
from tenku.studio.model import JobSpec, Json, Kind
from tenku.studio.recipes.asks import asset_asks
from tenku.studio.recipes.image import begun, image_asks, on_white
from tenku.studio.recipes.recipe import Ask
from tenku.studio.recipes.tables import read_table
from tenku.studio.sprites.grid import Grid
from tenku.studio.styles.finish import Finish
from tenku.studio.styles.reader import parse_size
from tenku.studio.styles.style import Style

OWN = ("kind", "prompt", "name", "schema", "seed", "count", "model", "size", "style", "transparent", "sheet")
"""Columns that mean something to a batch; every other one is a parameter of the row's jobs."""
FILES = ("image", "last_image", "mask", "video", "face", "background")
"""Columns with the path of a file, beside the spreadsheet; `references` has several, with semicolons between them."""
REFERENCES = "references"
WORDS = (
    *("negative", "sound", "speech", "voice", "language", "instructions", "system", "sound_model", "speech_model"),
    *("task", "accelerate", "lora", "codec", "format"),
)
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
    look: Look = field(default_factory=Look)
    """Of pictures."""
    parameters: Mapping[str, Json]
    """Of texts."""


class Shelves(Protocol):
    """Where what rows name is found; everything raises TenkuError."""

    def schema(self, name: str) -> Mapping[str, Json]:
        """The JSON Schema in a file."""

    def file(self, name: str, *, column: str) -> str:
        """The input of a job that a file becomes."""

    def style(self, name: str) -> tuple[Style, Sequence[str]]:
        """A style by its name or file, with its pictures as inputs."""

    def check(self, spec: JobSpec) -> None:
        """Find what is wrong with a job before it is handed in."""


@dataclass(kw_only=True)
class Batch:
    """What a spreadsheet asks for."""

    asks: list[Ask] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    finishes: dict[str, Finish] = field(default_factory=dict)
    """By the name of each style that only some rows have."""
    sheets: dict[str, tuple[Grid, list[str]]] = field(default_factory=dict)
    """Sheets of single rows by the row's name: the grid, and what is on it."""


def read_batch(text: str, *, where: str, defaults: Defaults, shelves: Shelves) -> Batch:
    """The jobs of a CSV text, and the rows that make none.

    Raises:
        UsageError: it is no table, or has no column `prompt`.
    """
    batch = Batch()
    taken: set[str] = set()
    for number, (line, cells) in enumerate(read_table(text, where=where, need=["prompt"]), 1):
        key = cells.get("name", "").strip() or f"{number:04}"
        try:
            row = row_of(cells)
            made, look, grid = _asks(row, key, line, defaults, shelves)
            _check_free(made, taken)
            _check_look(look, batch, row)
            # Those of one row differ by their seeds alone.
            row.checked(lambda spec=made[0].spec: shelves.check(spec))  # type: ignore[misc]
        except TenkuError as error:
            batch.bad.append(BadRow(line=line, key=key, why=error.sentence()))
            continue
        taken.update(each.key.casefold() for each in made)
        first = len(batch.asks)
        batch.asks += [replace(each, spec=replace(each.spec, row=first + at)) for at, each in enumerate(made)]
        if look.own:
            batch.finishes[look.own] = look.finish
        if grid is not None:
            batch.sheets[key] = (grid, [each.key for each in made])
    return batch


def _asks(
    row: Row, key: str, line: int, defaults: Defaults, shelves: Shelves
) -> tuple[Sequence[Ask], Look, Grid | None]:
    if not NAME.fullmatch(key) or key.endswith((" ", ".")):
        with row.column("name"):
            raise UsageError(f"{key!r} cannot be the name of a file.", hint="Use letters, digits, - and _.")
    kind = _kind(row)
    look, grid = look_of(row, kind, defaults.look, shelves.style), grid_of(row)
    parameters = _parameters(row, kind, defaults, shelves)
    if not row["prompt"] and parameters.get("task") != "layers":
        raise UsageError("It has no prompt.")
    count = count_of(row, grid, most=MOST)
    seed = row.whole("seed", defaults.seed, low=0, high=LARGEST_SEED)
    model = row["model"] or (look.style.model if look.style else "") or defaults.model(kind)
    if kind is not Kind.IMAGE:
        made = asset_asks(
            kind, row["prompt"], model=model, parameters=parameters, count=count, seed=seed, name=key, line=line
        )
        return made, look, grid
    pictures = image_asks(
        on_white(row["prompt"], look.style) if look.transparent else row["prompt"],
        look.style,
        model=model,
        parameters=begun(parameters),
        references=look.references,
        count=count,
        seed=seed,
        name=key,
        line=line,
    )
    return [replace(each, style=look.own) for each in pictures], look, grid


def _parameters(row: Row, kind: Kind, defaults: Defaults, shelves: Shelves) -> dict[str, Json]:
    given = dict(defaults.parameters) if kind is Kind.TEXT else {}
    for name, cell in row.cells.items():
        if not cell or name in (*OWN, ""):
            continue
        with row.column(name):
            if kind is Kind.TEXT or name not in (*FILES, REFERENCES):
                given[name] = cell if name in WORDS else parameter(cell)
            elif name == REFERENCES:
                given[name] = [shelves.file(each.strip(), column=name) for each in cell.split(";") if each.strip()]
            else:
                given[name] = shelves.file(cell, column=name)
    if row["schema"]:
        with row.column("schema"):
            if kind is not Kind.TEXT:
                raise UsageError(f"A schema is for texts, and this row makes {kind.value}.", hint="Leave schema empty.")
            given["schema"] = shelves.schema(row["schema"])
    if row["size"]:
        with row.column("size"):
            given["width"], given["height"] = parse_size(row["size"], what="size")
    return given


def _kind(row: Row) -> Kind:
    text, known = row["kind"] or Kind.TEXT.value, [kind.value for kind in Kind]
    with row.column("kind"):
        if text not in known:
            raise UsageError(f"There is no kind {text!r}.", hint=f"It is one of {', '.join(known)}.")
    return Kind(text)


def _check_free(asks: Sequence[Ask], taken: set[str]) -> None:
    for each in asks:
        # Folders of some systems take `Sword` and `sword` for the same file.
        if each.key.casefold() in taken:
            raise UsageError(f"The name {each.key} is there already.", hint="Names are unique in a batch.")


def _check_look(look: Look, batch: Batch, row: Row) -> None:
    """Styles are told apart by their names, also in the set that the batch becomes."""
    with row.column("style"):
        if look.own and batch.finishes.get(look.own, look.finish) != look.finish:
            raise UsageError(f"Two styles are called {look.own}.", hint="Rename the file of one.")
