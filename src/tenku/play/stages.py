"""Where the time of every frame and every input went: rows for the CSV, quantiles for the overlay and the metrics.

A frame's stages follow each other, so they add up to `total`: from the compositor beginning to take the picture to
the browser having drawn it. All are measured on the server's clock; the browser's share by its estimate of the offset.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, fields

ROWS = 36_000
"""Ten minutes at 60 frames a second; about 2 MB."""
WINDOW_US = 10_000_000
INPUTS_IN_WINDOW = 600
NOTHING = -(2**31)
"""Stands in a column where nothing was measured."""


@dataclass(frozen=True, slots=True)
class Row:
    """One frame that one browser has drawn. Times in microseconds; None where there was nothing to measure."""

    slot: int
    """Whose browser: 1 to 4, 0 for a viewer."""
    number: int
    size_bytes: int
    capture_us: int
    """From the compositor beginning to take the picture to the encoder beginning."""
    encode_us: int
    send_us: int
    """From encoded to handed to the transport."""
    network_us: int
    """From handed over to received whole by the browser: the line, and every buffer on the way."""
    decode_us: int
    show_us: int
    """From decoded to drawn."""
    input_to_shown_us: int | None = None
    """From the browser seeing an input to it drawing the first picture that was captured after the game got it."""
    skew_us: int | None = None
    """How far the sound runs behind this picture."""

    @property
    def total_us(self) -> int:
        """Capture to drawn."""
        times = (self.capture_us, self.encode_us, self.send_us, self.network_us, self.decode_us, self.show_us)
        return sum(times)


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle and the bad end of one stage, lately; and what it came to since the session began."""

    p50_ms: float
    p95_ms: float
    count: int
    total_ms: float


STAGES = ("capture", "encode", "send", "network", "decode", "show", "total", "input", "input_to_shown", "skew")
"""Everything that has quantiles; `input` is the browser seeing an input to the game having it."""
_COLUMNS = (*(field.name for field in fields(Row)), "total_us", "input_us")
HEADER = ("at_s", *(name.replace("_us", "_ms") for name in _COLUMNS))


class Stages:
    """The last rows of a session, in compact arrays.

    Args:
        rows: how many are kept; the oldest go first.
    """

    def __init__(self, *, rows: int = ROWS) -> None:
        self._most = rows
        self._at_us = array("q")
        self._columns = {name: array("i") for name in _COLUMNS}
        self._oldest = 0
        self._inputs = array("i")
        self._oldest_input = 0
        self._slowest_input_us: int | None = None
        self._counts = dict.fromkeys(STAGES, 0)
        self._totals_us = dict.fromkeys(STAGES, 0)

    def __len__(self) -> int:
        return len(self._at_us)

    def add(self, row: Row, *, now_us: int) -> None:
        """A frame was drawn."""
        values = {field.name: getattr(row, field.name) for field in fields(row)}
        values |= {"total_us": row.total_us, "input_us": self._slowest_input_us}
        for name, value in values.items():
            self._count(name, value)
            self._put(self._columns[name], self._oldest, _fitting(value))
        self._oldest = self._put(self._at_us, self._oldest, now_us)
        self._slowest_input_us = None

    def add_input(self, *, round_trip_us: int) -> None:
        """An input was given to the game, so long after the browser saw it."""
        self._slowest_input_us = max(self._slowest_input_us or 0, round_trip_us)
        self._counts["input"] += 1
        self._totals_us["input"] += round_trip_us
        self._oldest_input = self._put(self._inputs, self._oldest_input, _fitting(round_trip_us))

    def spreads(self, *, window_us: int = WINDOW_US) -> dict[str, Spread]:
        """p50 and p95 of each stage over the last rows; stages without any measurement are left out.

        Costs about a millisecond: the window's rows are sorted, not all rows.
        """
        places = self._recent(window_us)
        found = {stage: self._spread(stage, places) for stage in STAGES}
        return {stage: spread for stage, spread in found.items() if spread is not None}

    def csv(self) -> Iterator[str]:
        """The rows as lines of CSV, a header first, oldest first. `input_ms` is the slowest since the row before."""
        yield ",".join(HEADER) + "\n"
        for place in self._places():
            cells = [_cell(name, self._columns[name][place]) for name in _COLUMNS]
            yield ",".join([f"{self._at_us[place] / 1e6:.6f}", *cells]) + "\n"

    def _put(self, column: "array[int]", oldest: int, value: int) -> int:
        """Write over the oldest place, or append while there is room; returns the place that is oldest now."""
        if len(column) < self._most:
            column.append(value)
            return 0
        column[oldest] = value
        return (oldest + 1) % self._most

    def _count(self, name: str, value: int | None) -> None:
        stage = name.removesuffix("_us")
        if stage in self._counts and stage != "input" and value is not None:
            self._counts[stage] += 1
            self._totals_us[stage] += value

    def _places(self) -> Iterator[int]:
        for index in range(len(self)):
            yield (self._oldest + index) % len(self)

    def _recent(self, window_us: int) -> list[int]:
        places: list[int] = []
        for back in range(1, len(self) + 1):
            place = (self._oldest - back) % len(self)
            if places and self._at_us[place] < self._at_us[places[0]] - window_us:
                break
            places.append(place)
        return places

    def _spread(self, stage: str, places: list[int]) -> Spread | None:
        values = self._recent_inputs() if stage == "input" else [self._columns[f"{stage}_us"][at] for at in places]
        known = sorted(value for value in values if value != NOTHING)
        if not known:
            return None
        return Spread(
            p50_ms=_at_share(known, 0.50) / 1000,
            p95_ms=_at_share(known, 0.95) / 1000,
            count=self._counts[stage],
            total_ms=self._totals_us[stage] / 1000,
        )

    def _recent_inputs(self) -> list[int]:
        count = min(INPUTS_IN_WINDOW, len(self._inputs))
        return [self._inputs[(self._oldest_input - back) % len(self._inputs)] for back in range(1, count + 1)]


def _at_share(ordered: list[int], share: float) -> int:
    """The nearest rank: the smallest value that at least this share of the values do not exceed."""
    rank = -(-len(ordered) * int(share * 100) // 100)
    return ordered[max(0, rank - 1)]


def _fitting(value: int | None) -> int:
    # A browser's clock or counter may say anything; a measurement must not bring the session down.
    return NOTHING if value is None else min(max(value, NOTHING + 1), 2**31 - 1)


def _cell(name: str, value: int) -> str:
    if value == NOTHING:
        return ""
    return f"{value / 1000:.3f}" if name.endswith("_us") else str(value)
