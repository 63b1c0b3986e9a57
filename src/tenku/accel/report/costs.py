"""What findings cost the usual job, and what they would cost at the speed that this device reaches elsewhere (pure)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tenku.accel.report.model import Finding, Report, Verdict

BLOCKING = frozenset({Verdict.MISSING, Verdict.FAILING, Verdict.WRONG, Verdict.HUNG, Verdict.CRASHED, Verdict.LARGE})
"""With one of these a model does not run, or what it makes is worth nothing."""
ENOUGH = 3
"""So many operators of a kind say what this device reaches with that kind."""


NEAR = 0.3
"""Share of the roof from which on an operator is limited by the roof, and not by starting it."""
REST, PRODUCT_OF_8_BITS = "bfloat16", "aten._scaled_mm.default"


@dataclass(frozen=True, kw_only=True)
class Roof:
    """What limits every operator of a device in one number type."""

    flops: float
    """A second; 0: not known."""
    copy: float
    """Bytes a second; 0: not known."""

    def ideal(self, finding: Finding) -> float | None:
        """Seconds that one call takes at the roof: computing or moving, whichever takes longer."""
        computing = finding.flops / self.flops if self.flops else 0.0
        moving = finding.moved / self.copy if self.copy else 0.0
        return max(computing, moving) or None

    def attainable(self, intensity: float) -> float:
        """Operations a second at so many operations for each byte."""
        return min(self.flops, intensity * self.copy)

    def computes(self, finding: Finding) -> bool:
        """Whether computing limits it; else moving does."""
        return finding.flops * self.copy > finding.moved * self.flops


@dataclass(frozen=True, kw_only=True)
class Cost:
    """A finding, and its part in the usual job."""

    finding: Finding
    calls: Mapping[str, int]
    """How often each part calls it in the whole job."""
    seconds: float | None
    """In the whole job; None: nobody knows, as it has no time."""
    share: float | None
    """Of the roof: 1 is all that the device's measured peaks allow."""
    target: float | None
    """Seconds of the job at the speed that others of its kind reach here."""

    @property
    def blocks(self) -> bool:
        return self.finding.verdict in BLOCKING

    @property
    def saved(self) -> float:
        """Seconds of the job that mending it saves; 0 where its time is not known."""
        if self.seconds is None or self.target is None:
            return 0.0
        return max(0.0, self.seconds - self.target)

    @property
    def mended(self) -> float | None:
        """Seconds of the job when it is mended; what is fast already stays as it is."""
        known = [each for each in (self.seconds, self.target) if each is not None]
        return min(known) if known else None

    def of_part(self, part: str, seconds: float | None) -> float:
        """What of these seconds of the whole job falls to a part."""
        everything = sum(self.calls.values())
        return seconds * self.calls.get(part, 0) / everything if seconds and everything else 0.0


def costs(report: Report, dtype: str) -> list[Cost]:
    """Every finding of a number type."""
    roofs = _Roofs(report, dtype)
    findings = findings_of(report, dtype)
    reached = _Reached(findings, roofs)
    return [_cost(report, finding, roofs.of(finding), reached) for finding in findings]


def findings_of(report: Report, dtype: str) -> list[Finding]:
    """What was found in a number type, and of calls that know no number type, such as those of indices."""
    own = {finding.call for finding in report.findings if finding.dtype == dtype}
    return [
        finding
        for finding in report.findings
        if finding.dtype == dtype or (finding.dtype not in report.dtypes and finding.call not in own)
    ]


def roof_of(report: Report, dtype: str) -> Roof:
    """The measured peaks; a number type whose matrix product could not be measured has the copy's alone."""
    return Roof(flops=next((peak.flops for peak in report.peaks if peak.dtype == dtype), 0.0), copy=report.copy)


class _Roofs:
    """The roof of each finding: beside the products of 8 bits a model computes in bf16, under bf16's roof."""

    def __init__(self, report: Report, dtype: str) -> None:
        self._own = roof_of(report, dtype)
        rest = roof_of(report, REST)
        self._rest = rest if dtype.startswith("float8") and rest.flops else self._own

    def of(self, finding: Finding) -> Roof:
        return self._own if finding.operator == PRODUCT_OF_8_BITS else self._rest


class _Reached:
    """What share of the roof the sound operators of a device reach: the middle one of each kind.

    The middle one and not the best, as the best one often is the matrix product that the peak was taken with.
    """

    def __init__(self, findings: Sequence[Finding], roofs: _Roofs) -> None:
        self._roofs = roofs
        sound = [each for each in findings if each.verdict is Verdict.NATIVE and each.seconds]
        # No call is faster than the fastest: starting it takes its time, however little there is to do.
        self._least = min((each.seconds for each in sound if each.seconds), default=0.0)
        shares: dict[bool, list[float]] = defaultdict(list)
        for each in sound:
            roof = roofs.of(each)
            ideal = roof.ideal(each)
            if ideal is None or not each.seconds:
                continue
            # What takes little longer than starting it says nothing of the roof, unless it comes near it.
            if each.seconds > 2 * self._least or ideal > NEAR * each.seconds:
                shares[roof.computes(each)].append(min(1.0, ideal / each.seconds))
        everything = [share for group in shares.values() for share in group]
        self._all = median(everything) if everything else 1.0
        self._of = {kind: median(group) for kind, group in shares.items() if len(group) >= ENOUGH}

    def seconds(self, finding: Finding) -> float | None:
        """What one call would take at that share; None: the roof is not known."""
        roof = self._roofs.of(finding)
        ideal = roof.ideal(finding)
        if ideal is None:
            return self._least or None
        return max(self._least, ideal / self._of.get(roof.computes(finding), self._all))


def _cost(report: Report, finding: Finding, roof: Roof, reached: _Reached) -> Cost:
    calls = {part: count * report.parts.get(part, 0) for part, count in finding.counts.items()}
    times = sum(calls.values())
    ideal, target = roof.ideal(finding), reached.seconds(finding)
    seconds = finding.seconds
    return Cost(
        finding=finding,
        calls=calls,
        seconds=None if seconds is None else seconds * times,
        share=ideal / seconds if ideal and seconds else None,
        target=None if target is None else target * times,
    )


def by_operator(found: Iterable[Cost]) -> dict[str, list[Cost]]:
    """Costs of each operator at all its shapes."""
    groups: dict[str, list[Cost]] = defaultdict(list)
    for cost in found:
        groups[cost.finding.operator].append(cost)
    return dict(groups)
