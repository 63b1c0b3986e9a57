"""Where a user wants files: each is copied there as soon as it is made, with its provenance; a report ends it."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tenku.base.errors import FolderError, JobError, UsageError
from tenku.content.wholefile import write_whole
from tenku.studio.making import Piece
from tenku.studio.model import JobId, Output, State
from tenku.studio.recipes.tables import csv_text
from tenku.studio.results import Results

REPORT = "report.csv"
PROVENANCE = "provenance"
"""A folder beside the files: a game that loads every JSON of a folder must not find more than items there."""
COLUMNS = ("name", "line", "state", "seconds", "estimate", "reused", "file", "error")


class Seal(Protocol):
    """See `provenance.signer.Signer.sign`."""

    def __call__(self, output: Output, provenance: Mapping[str, Any], *, then: Sequence[str] = ()) -> Output:
        """The output with its claim in it."""


@dataclass(frozen=True, kw_only=True)
class Finisher:
    """What is done with pictures on their way into the folder."""

    apply: Callable[[str, bytes], bytes]
    """The name of a piece and its picture to the finished one. Raises UsageError: it cannot be finished."""
    facts: Mapping[str, Any]
    """What the provenance says of it."""
    steps: Sequence[str] = ()
    """The same for people: what was done, like `cut out`."""
    seal: Seal | None = None
    """Writes into the file again what made it, and these steps: finishing lost it."""


class OutFolder:
    """A folder of the user; files that are there already are replaced."""

    def __init__(self, folder: Path, results: Results, *, finisher: Finisher | None = None) -> None:
        self._folder = folder
        self._results = results
        self._finisher = finisher
        self.files: dict[str, str] = {}
        """The main file by the name of its piece."""
        self.faults: dict[str, str] = {}
        """Why a picture lies here as it was made and not finished, by the name of its piece."""

    def make(self) -> None:
        """Have the folder there. Raises FolderError."""
        make_folder(self._folder / PROVENANCE)

    def put(self, piece: Piece) -> None:
        """Copy what a piece is; nothing where it was not made. Raises FolderError, JobError."""
        if piece.state is State.DONE and piece.job is not None:
            self.put_job(piece.ask.key, piece.job, [path.name for path in piece.paths])

    def put_job(self, key: str, job: JobId, names: Sequence[str]) -> None:
        """Copy what a job made under the name of a piece. Raises FolderError, JobError.

        Args:
            names: of its outputs, the main one first.
        """
        for number, name in enumerate(names):
            path = self._results.path(job, name)
            stem = f"{key}-{path.stem}" if number else key
            data = _read(path)
            target, beside = self._folder / f"{stem}{path.suffix}", self._folder / PROVENANCE / f"{stem}.json"
            provenance = output_provenance(self._results, job, name)
            if self._finisher is not None and path.suffix == ".png" and len(names) == 1:
                self._finish(self._finisher, key, data, target, beside, provenance)
            else:
                _write(target, data)
                write_json(beside, provenance)
        self.files[key] = f"{key}{Path(names[0]).suffix}"

    def _finish(
        self, finisher: Finisher, key: str, data: bytes, target: Path, beside: Path, provenance: Mapping[str, Any]
    ) -> None:
        """Write a picture finished, or as it was made where that cannot be; layers never come here."""
        self.faults.pop(key, None)
        try:
            done = finisher.apply(key, data)
        except UsageError as error:
            self.faults[key] = error.sentence()
            _write(target, data)
            write_json(beside, provenance)
            return
        whole = {**provenance, **finisher.facts, "finished": _sum(done)}
        # A signature is another one each time: what lies here already, and says that it is this, stays.
        if _lies_here(target, beside, whole):
            return
        if finisher.seal is not None:
            output = Output(name=target.name, media_type="image/png", data=done)
            done = finisher.seal(output, provenance, then=finisher.steps).data
        _write(target, done)
        write_json(beside, {**whole, "file": _sum(done)})

    def report(self, rows: Sequence[Mapping[str, Any]], *, more: Sequence[str] = ()) -> Path:
        """Write report.csv; its path. `more`: columns besides the usual ones. Raises FolderError."""
        path = self._folder / REPORT
        write_whole(path, csv_text(rows, (*COLUMNS, *more)).encode(), mode=0o644)
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
    """What made the main file of a piece. Raises JobError."""
    assert piece.job is not None
    return output_provenance(results, piece.job, piece.paths[0].name)


def output_provenance(results: Results, job: JobId, name: str) -> Mapping[str, Any]:
    """What made an output; that a file of results lacks it is no reason to lose the file. Raises JobError."""
    try:
        return results.provenance(job, name)
    except (OSError, ValueError):
        return {"generated": True, "job": job}


def write_json(path: Path, value: object) -> None:
    """Write plain data for people and programs. Raises FolderError."""
    _write(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise JobError(f"The result {path} cannot be read: {error.strerror}.", hint="Make it again.") from None


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _lies_here(target: Path, beside: Path, whole: Mapping[str, Any]) -> bool:
    """Whether a file is what `whole` says, and was not touched since."""
    try:
        known = json.loads(beside.read_text(encoding="utf-8"))
        return bool(known == {**whole, "file": _sum(target.read_bytes())})
    except (OSError, ValueError):
        return False


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
