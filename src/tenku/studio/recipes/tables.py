"""Items as a table: JSON for programs, CSV for spreadsheets."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tenku.base.errors import UsageError

CELL_MOST = 1 << 20
"""Letters of one cell; a larger one is no text of a game."""
Row = Mapping[str, Any]


def columns_of(rows: Sequence[Row]) -> list[str]:
    """The names of all columns, in the order in which they first come."""
    return list(dict.fromkeys(name for row in rows for name in row))


def csv_text(rows: Sequence[Row], columns: Sequence[str] = ()) -> str:
    """Rows as CSV with a head. Texts stand as they are, all else as JSON; what is absent or null stays empty."""
    names = list(columns) or columns_of(rows)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    # The writer puts no quotes around a lone carriage return, which readers take for the end of a row.
    careful = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for cells in (names, *([_cell(row.get(name)) for name in names] for row in rows)):
        (careful if any("\r" in cell for cell in cells) else writer).writerow(cells)
    return out.getvalue()


def json_text(rows: Sequence[Row]) -> str:
    """Rows as a JSON array, one line an item, so that a change shows in a diff as what it is."""
    lines = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in rows)
    return f"[\n{lines}\n]\n" if rows else "[]\n"


def read_table(text: str, *, where: str, need: Sequence[str] = ()) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV text with their line numbers; empty lines are left out, a byte order mark is no letter.

    A comma, a semicolon or a tab separates: the one that the head has. Cells that are missing are empty.

    Raises:
        UsageError: it has no head, lacks a column of `need`, has a column twice, or is no CSV.
    """
    text = text.removeprefix("\ufeff")
    head = text.partition("\n")[0]
    mark = max(",;\t", key=head.count)
    csv.field_size_limit(CELL_MOST)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        rows = _rows(reader, names)
    except csv.Error as error:
        raise UsageError(f"{where}, line {reader.line_num}: {error}.", hint="Quotes come in pairs.") from None
    _check_head(names, where=where, need=need)
    return rows


def _rows(reader: Any, names: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    rows, begins = [], reader.line_num + 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            row = dict(zip(names, [*cells, *[""] * (len(names) - len(cells))], strict=False))
            # Cells beyond the head are kept, under no name: whoever reads the row says what is wrong with it.
            rows.append((begins, row | ({"": ",".join(cells[len(names) :])} if len(cells) > len(names) else {})))
        begins = reader.line_num + 1
    return rows


def _check_head(names: Sequence[str], *, where: str, need: Sequence[str]) -> None:
    if not any(names):
        raise UsageError(f"{where} has no first line with the names of its columns.", hint="Write one.")
    for name in names:
        if name and names.count(name) > 1:  # spreadsheets leave several without a name at the right
            raise UsageError(f"{where} has the column {name} twice.", hint="Rename one.")
    for name in need:
        if name not in names:
            raise UsageError(f"{where} has no column {name}; it has {', '.join(names)}.", hint=f"Add {name}.")


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
