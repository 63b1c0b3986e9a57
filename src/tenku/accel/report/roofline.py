"""The roofline chart: where each operator stands under what its device can do (pure).

Across: operations for each byte that is moved. Up: operations a second. The roof is the measured copy's slope, then the
measured matrix product. An operator that only moves has no place on such a chart; it gets a lane at the left edge, at
the height where the roof's slope would be met if it moved as fast as the copy.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tenku.accel.report.costs import Cost, Roof
from tenku.accel.report.model import Finding, Verdict

SMALLEST, LARGEST = 2.5, 20.0
"""Radius of a dot: of an operator that takes next to nothing, and of one that takes all of the time."""
LOWEST_SPAN = 3
"""Powers of ten that an axis spans at least."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One operator at one set of shapes."""

    finding: Finding
    verdict: Verdict
    intensity: float
    """0: it only moves."""
    rate: float
    """Operations a second; of one that only moves, bytes a second."""
    share: float
    """Of the job's time."""
    reached: float | None
    """Share of the roof."""

    @property
    def radius(self) -> float:
        """The dot's area is its share of the time."""
        return SMALLEST + (LARGEST - SMALLEST) * math.sqrt(min(1.0, max(0.0, self.share)))


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Powers of ten from the lowest to the highest, both of them shown."""

    low: int
    high: int

    def place(self, value: float) -> float:
        """0 at the lowest, 1 at the highest."""
        return min(1.0, max(0.0, (math.log10(value) - self.low) / (self.high - self.low)))

    def ticks(self) -> tuple[float, ...]:
        return tuple(10.0**power for power in range(self.low, self.high + 1))


@dataclass(frozen=True, kw_only=True)
class Chart:
    """All that is to be drawn."""

    across: Axis
    up: Axis
    points: tuple[Point, ...]
    """Larger ones first, so that smaller ones lie on top."""
    roof: Roof
    left_out: int
    """Findings without a time."""

    @property
    def ridge(self) -> float | None:
        """Where the slope meets the flat roof; None: a peak is not known."""
        return self.roof.flops / self.roof.copy if self.roof.flops and self.roof.copy else None

    def height(self, point: Point) -> float:
        """Operations a second at which a point is drawn."""
        return point.rate if point.intensity else point.rate * self.across.ticks()[0]


def chart_of(found: Sequence[Cost], roof: Roof) -> Chart:
    """The chart of a number type."""
    seconds = sum(cost.seconds or 0.0 for cost in found)
    points = [point for cost in found if (point := _point(cost, seconds)) is not None]
    points.sort(key=lambda point: -point.share)
    across = _axis([point.intensity for point in points if point.intensity] + _ridge(roof))
    low = 10.0**across.low
    heights = [point.rate if point.intensity else point.rate * low for point in points]
    up = _axis(heights + ([roof.flops] if roof.flops else []))
    return Chart(across=across, up=up, points=tuple(points), roof=roof, left_out=len(found) - len(points))


def _ridge(roof: Roof) -> list[float]:
    return [roof.flops / roof.copy] if roof.flops and roof.copy else []


def _point(cost: Cost, seconds: float) -> Point | None:
    finding = cost.finding
    work = finding.flops or finding.moved
    if not finding.seconds or cost.seconds is None or not finding.moved:
        return None
    return Point(
        finding=finding,
        verdict=finding.verdict,
        intensity=finding.flops / finding.moved,
        rate=work / finding.seconds,
        share=cost.seconds / seconds if seconds else 0.0,
        reached=cost.share,
    )


def _axis(values: Sequence[float]) -> Axis:
    logs = [math.log10(value) for value in values if value > 0] or [0.0]
    low, high = math.floor(min(logs)), math.ceil(max(logs) + 0.05)
    missing = max(0, LOWEST_SPAN - (high - low))
    return Axis(low=low - missing // 2, high=high + missing - missing // 2)
