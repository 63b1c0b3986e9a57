"""What a report comes to: whether the model runs, how long its job takes, and what to mend first (pure)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tenku.accel.report.costs import Cost, by_operator, costs
from tenku.accel.report.model import Finding, Report, Verdict

FIRST = 5
"""So many operators are named as those to mend first."""
WORTH = 0.01
"""What saves a smaller share of the job is not worth anyone's day."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One operator at all its shapes."""

    operator: str
    verdicts: Mapping[Verdict, int]
    """How many of its shapes fared how."""
    calls: int
    """In the whole job."""
    seconds: float
    """Of the whole job, as far as they are known."""
    unknown: int
    """Shapes whose time nobody knows."""
    share: float
    """Of the known seconds of the job."""
    reached: float | None
    """Share of the roof, over all its shapes; None: not known."""
    saved: float
    """Seconds of the job."""
    mended: float | None
    """Seconds of the job at the speed that others of its kind reach here; None: not known."""
    error: float | None
    """The largest one."""
    message: str
    """Of the first of its shapes that has one."""

    @property
    def blocks(self) -> bool:
        return self.worst not in (Verdict.NATIVE, Verdict.FALLBACK)

    @property
    def worst(self) -> Verdict:
        """The gravest of its verdicts."""
        return min(self.verdicts, key=GRAVEST.index)


GRAVEST = (
    Verdict.CRASHED,
    Verdict.HUNG,
    Verdict.MISSING,
    Verdict.FAILING,
    Verdict.LARGE,
    Verdict.WRONG,
    Verdict.FALLBACK,
    Verdict.NATIVE,
)


@dataclass(frozen=True, kw_only=True)
class PartTime:
    """A part of the model in the usual job."""

    name: str
    runs: int
    seconds: float
    """Of the whole job, as far as they are known; one run takes that by `runs`."""
    unknown: int
    """Operators whose time nobody knows."""
    mended: float
    """Seconds of the whole job if the first five were mended."""


@dataclass(frozen=True, kw_only=True)
class Total:
    """A model in one number type."""

    dtype: str
    verdicts: Mapping[Verdict, int]
    """Findings of each."""
    lines: tuple[Line, ...]
    """All operators, those that take longest first."""
    first: tuple[Line, ...]
    """What to mend first."""
    parts: tuple[PartTime, ...]
    errors: tuple[Finding, ...]
    """The largest ones."""

    @property
    def runs(self) -> bool:
        """Whether every operator runs and is right."""
        return bool(self.lines) and not any(line.blocks for line in self.lines)

    @property
    def blocking(self) -> tuple[Line, ...]:
        """Operators without which nothing runs."""
        return tuple(line for line in self.lines if line.blocks)

    @property
    def fallen(self) -> tuple[Line, ...]:
        """Operators that the processor does."""
        return tuple(line for line in self.lines if Verdict.FALLBACK in line.verdicts)

    @property
    def unknown(self) -> tuple[Line, ...]:
        """Operators without a time at some of their shapes."""
        return tuple(line for line in self.lines if line.unknown)

    @property
    def seconds(self) -> float:
        """Of the whole job, as far as they are known."""
        return sum(part.seconds for part in self.parts)

    @property
    def mended(self) -> float:
        """Of the whole job if the first five were mended."""
        return sum(part.mended for part in self.parts)

    @property
    def step(self) -> PartTime | None:
        """The part that takes longest: one run of it is what people call a step."""
        return max(self.parts, key=lambda part: part.seconds, default=None)


def total(report: Report, dtype: str) -> Total:
    """What a report says of a number type."""
    found = costs(report, dtype)
    seconds = sum(cost.seconds or 0.0 for cost in found)
    lines = sorted(
        (_line(operator, group, seconds) for operator, group in by_operator(found).items()),
        key=lambda line: (-line.seconds, line.operator),
    )
    first = mend_first(lines, seconds)
    return Total(
        dtype=dtype,
        verdicts=Counter(cost.finding.verdict for cost in found),
        lines=tuple(lines),
        first=first,
        parts=_parts(report, found, {line.operator for line in first}),
        errors=_largest_errors(found),
    )


def totals(report: Report) -> tuple[Total, ...]:
    """One for each number type, the best first: those that run, then the faster ones."""
    found = [total(report, dtype) for dtype in report.dtypes]
    return tuple(sorted(found, key=lambda each: (not each.runs, each.seconds if each.runs else 0.0)))


def mend_first(lines: Sequence[Line], seconds: float) -> tuple[Line, ...]:
    """What to mend first: what nothing runs without, by what it would take then; then what saves most."""
    blocking = [line for line in lines if line.blocks]
    slow = [line for line in lines if not line.blocks and line.saved > WORTH * seconds]
    blocking.sort(key=lambda line: (-(line.mended or 0.0), -line.calls, line.operator))
    slow.sort(key=lambda line: (-line.saved, line.operator))
    return tuple([*blocking, *slow][:FIRST])


def _line(operator: str, group: Sequence[Cost], seconds: float) -> Line:
    known = sum(cost.seconds or 0.0 for cost in group)
    ideal = sum(cost.seconds * cost.share for cost in group if cost.seconds and cost.share)
    timed = sum(cost.seconds for cost in group if cost.seconds and cost.share)
    mended = [cost.mended for cost in group if cost.mended is not None]
    errors = [cost.finding.error for cost in group if cost.finding.error is not None]
    worst_first = sorted(group, key=lambda cost: GRAVEST.index(cost.finding.verdict))
    return Line(
        operator=operator,
        verdicts=Counter(cost.finding.verdict for cost in group),
        calls=sum(sum(cost.calls.values()) for cost in group),
        seconds=known,
        unknown=sum(1 for cost in group if cost.seconds is None),
        share=known / seconds if seconds else 0.0,
        reached=ideal / timed if timed else None,
        saved=sum(cost.saved for cost in group),
        mended=sum(mended) if mended else None,
        error=max(errors, key=_as_error) if errors else None,
        message=next((cost.finding.message for cost in worst_first if cost.finding.message), ""),
    )


def _parts(report: Report, found: Sequence[Cost], mended: set[str]) -> tuple[PartTime, ...]:
    parts = []
    for name, runs in report.parts.items():
        own = [cost for cost in found if cost.calls.get(name)]
        then = sum(cost.of_part(name, cost.mended if cost.finding.operator in mended else cost.seconds) for cost in own)
        parts.append(
            PartTime(
                name=name,
                runs=runs,
                seconds=sum(cost.of_part(name, cost.seconds) for cost in own),
                unknown=len({cost.finding.operator for cost in own if cost.seconds is None}),
                mended=then,
            )
        )
    return tuple(parts)


def _largest_errors(found: Sequence[Cost]) -> tuple[Finding, ...]:
    compared = [cost.finding for cost in found if cost.finding.error is not None]
    return tuple(sorted(compared, key=lambda finding: -_as_error(finding.error))[:FIRST])


def _as_error(error: float | None) -> float:
    """NaN is the worst there is."""
    return float("inf") if error is None or error != error else error
