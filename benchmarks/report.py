"""The table: what is asked, what was measured, what the peer did."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Row:
    """One number that is asked for.

    `limit` bounds the ratio to the peer where there is a peer, else the measured value itself.
    """

    name: str
    measured: float
    unit: str
    limit: float
    peer: float | None = None
    at_least: bool = False

    @property
    def ratio(self) -> float | None:
        return None if self.peer is None else self.measured / self.peer

    @property
    def ok(self) -> bool:
        value = self.measured if self.ratio is None else self.ratio
        # Written so that a value that is not a number is a miss.
        return value >= self.limit if self.at_least else value <= self.limit

    @property
    def asked(self) -> str:
        of = "of peer" if self.peer is not None else self.unit
        return f"{'≥' if self.at_least else '≤'} {self.limit:.4g} {of}"


HEAD = ("what", "asked", "measured", "peer", "ratio", "")


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table that also reads well in a terminal."""
    return _aligned([HEAD, *(_cells(row) for row in rows)])


def plain_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Any table, in the same look."""
    return _aligned([tuple(head), *(tuple(row) for row in rows)])


def as_json(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [
        {
            "name": row.name,
            "asked": row.asked,
            "measured": row.measured,
            "unit": row.unit,
            "peer": row.peer,
            "ratio": row.ratio,
            "ok": row.ok,
        }
        for row in rows
    ]


def _cells(row: Row) -> tuple[str, ...]:
    peer = "" if row.peer is None else f"{_number(row.peer)} {row.unit}"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return (row.name, row.asked, f"{_number(row.measured)} {row.unit}", peer, ratio, "ok" if row.ok else "MISSED")


def _number(value: float) -> str:
    """As many digits as mean something, small ratios included."""
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def _aligned(lines: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    ruled = [lines[0], tuple("-" * width for width in widths), *lines[1:]]
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |" for line in ruled
    )
