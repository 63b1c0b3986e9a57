"""A spreadsheet of assets: one row an asset. A bad row is told by its line, and harms no other one."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tenku.base.errors import TenkuError, UsageError
from tenku.studio.model import Json, Kind
from tenku.studio.recipes.recipe import Ask
from tenku.studio.recipes.tables import read_table
from tenku.studio.recipes.texts import text_asks

OWN = ("kind", "prompt", "name", "schema", "seed", "count", "model")
"""Columns that mean something to a batch; every other one is a parameter of the row's jobs."""
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

    model: str
    seed: int = 0
    parameters: Mapping[str, Json]


def read_batch(
    text: str, *, where: str, defaults: Defaults, schema: Callable[[str], Mapping[str, Json]]
) -> tuple[list[Ask], list[BadRow]]:
    """The jobs of a CSV text, and the rows that make none.

    Args:
        schema: the schema of that file; raises TenkuError.

    Raises:
        UsageError: it is no table, or has no column `prompt`.
    """
    asks: list[Ask] = []
    bad: list[BadRow] = []
    taken: set[str] = set()
    for number, (line, row) in enumerate(read_table(text, where=where, need=["prompt"]), 1):
        key = row.get("name", "").strip() or f"{number:04}"
        try:
            made = _asks(row, key, line=line, defaults=defaults, schema=schema)
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


def _asks(
    row: Mapping[str, str],
    key: str,
    *,
    line: int,
    defaults: Defaults,
    schema: Callable[[str], Mapping[str, Json]],
) -> Sequence[Ask]:
    if row.get(""):
        raise UsageError("It has more cells than the first line.", hint="Put a text with a comma in quotes.")
    if not NAME.fullmatch(key) or key.endswith((" ", ".")):
        raise UsageError(f"{key!r} cannot be the name of a file.", hint="Use letters, digits, - and _.")
    _check_kind(row.get("kind", "").strip() or Kind.TEXT.value)
    if not row["prompt"].strip():
        raise UsageError("It has no prompt.")
    parameters = {**defaults.parameters}
    parameters |= {name: parameter(cell) for name, cell in row.items() if name not in (*OWN, "") and cell.strip()}
    if row.get("schema", "").strip():
        parameters["schema"] = schema(row["schema"].strip())
    return text_asks(
        row["prompt"],
        model=row.get("model", "").strip() or defaults.model,
        parameters=parameters,
        count=_whole(row, "count", 1, low=1, high=MOST),
        seed=_whole(row, "seed", defaults.seed, low=0, high=LARGEST_SEED),
        name=key,
        line=line,
    )


def _check_kind(text: str) -> None:
    known = [kind.value for kind in Kind]
    if text not in known:
        raise UsageError(f"There is no kind {text!r}.", hint=f"It is one of {', '.join(known)}.")
    if text != Kind.TEXT.value:
        raise UsageError(f"Jobs of the kind {text} cannot be done yet.", hint="Text can.")


def _check_free(asks: Sequence[Ask], taken: set[str]) -> None:
    for each in asks:
        # Folders of some systems take `Sword` and `sword` for the same file.
        if each.key.casefold() in taken:
            raise UsageError(f"The name {each.key} is there already.", hint="Names are unique in a batch.")


def _whole(row: Mapping[str, str], name: str, default: int, *, low: int, high: int) -> int:
    text = row.get(name, "").strip()
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,12}", text) or not low <= int(text) <= high:
        raise UsageError(f"{name} is {text!r}.", hint=f"It is a whole number from {low} to {high}.")
    return int(text)


def _no_constant(word: str) -> Json:
    raise ValueError(word)
