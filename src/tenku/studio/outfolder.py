"""Where a user wants files: each is copied there as soon as it is made, with its provenance; a report ends it."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tenku.base.errors import FolderError
from tenku.content.wholefile import write_whole
from tenku.studio.making import Piece
from tenku.studio.model import State
from tenku.studio.recipes.tables import csv_text
from tenku.studio.results import Results

REPORT = "report.csv"
PROVENANCE = "provenance"
"""A folder beside the files: a game that loads every JSON of a folder must not find more than items there."""
COLUMNS = ("name", "line", "state", "seconds", "estimate", "reused", "file", "error")


class OutFolder:
    """A folder of the user; files that are there already are replaced."""

    def __init__(self, folder: Path, results: Results) -> None:
        self._folder = folder
        self._results = results
        self.files: dict[str, str] = {}
        """Names of files by the name of their piece."""

    def make(self) -> None:
        """Have the folder there. Raises FolderError."""
        make_folder(self._folder / PROVENANCE)

    def put(self, piece: Piece) -> None:
        """Copy what a piece is; nothing where it was not made. Raises FolderError, JobError."""
        if piece.state is not State.DONE or piece.path is None or piece.job is None:
            return
        name = f"{piece.ask.key}{piece.path.suffix}"
        _write(self._folder / name, piece.path.read_bytes())
        write_json(self._folder / PROVENANCE / f"{piece.ask.key}.json", provenance_of(piece, self._results))
        self.files[piece.ask.key] = name

    def report(self, rows: Sequence[Mapping[str, Any]]) -> Path:
        """Write report.csv; its path. Raises FolderError."""
        path = self._folder / REPORT
        write_whole(path, csv_text(rows, COLUMNS).encode(), mode=0o644)
        return path


def put_table(
    out: Path, text: str, pieces: Sequence[Piece], rows: Sequence[Mapping[str, Any]], results: Results
) -> Path:
    """Write one file that many pieces made, with its report and provenance beside it; the report's path.

    Raises:
        FolderError: they cannot be written.
    """
    make_folder(out.parent)
    write_whole(out, text.encode(), mode=0o644)
    made = [provenance_of(each, results) for each in pieces if each.state is State.DONE]
    write_json(out.with_name(f"{out.name}.provenance.json"), {"generated": True, "made_of": made})
    report = out.with_name(f"{out.stem}.{REPORT}")
    write_whole(report, csv_text(rows, COLUMNS).encode(), mode=0o644)
    return report


def report_rows(
    pieces: Sequence[Piece],
    *,
    files: Mapping[str, str],
    estimates: Mapping[int, float],
    bad: Sequence[tuple[int, str, str]] = (),
) -> list[Mapping[str, Any]]:
    """One row a piece, in the order of the file it came from.

    Args:
        estimates: seconds by the row of the piece; those that were there already have none.
        bad: line, name and error of rows that made no job.
    """
    rows: list[Mapping[str, Any]] = [
        {
            "name": each.ask.key,
            "line": each.ask.line or None,
            "state": each.state.value,
            "seconds": round(each.seconds, 3),
            "estimate": _seconds(estimates.get(each.ask.spec.row)),
            "reused": "yes" if each.reused else "",
            "file": files.get(each.ask.key, ""),
            "error": each.error,
        }
        for each in pieces
    ]
    rows += [{"name": name, "line": line, "state": "failed", "error": why} for line, name, why in bad]
    return sorted(rows, key=lambda row: row.get("line") or 0)


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def provenance_of(piece: Piece, results: Results) -> Mapping[str, Any]:
    """What made a piece; that a file of results lacks it is no reason to lose the file. Raises JobError."""
    assert piece.job is not None
    assert piece.path is not None
    try:
        return results.provenance(piece.job, piece.path.name)
    except (OSError, ValueError):
        return {"generated": True, "job": piece.job, "model": {"name": piece.ask.spec.model}}


def write_json(path: Path, value: object) -> None:
    """Write plain data for people and programs. Raises FolderError."""
    _write(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def _write(path: Path, data: bytes) -> None:
    """Write a file, unless it is what it should be: a second run would wait for the disk at each of them."""
    with contextlib.suppress(OSError):
        if path.read_bytes() == data:
            return
    write_whole(path, data, mode=0o644)


def make_folder(folder: Path) -> None:
    """Have a folder there, and those above it. Raises FolderError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FolderError(f"{folder} cannot be made: {error.strerror}.", hint="Name another folder.") from None
