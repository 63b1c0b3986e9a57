"""What changed between two reports: better, worse, wrong; what is noise is left out (pure)."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tenku.accel.report.changes import Change, Kind, of_block, of_finding, of_fit, of_rate
from tenku.accel.report.costs import findings_of
from tenku.accel.report.model import Finding, Report
from tenku.accel.report.noise import Noise, noise_of
from tenku.accel.report.summary import Total, total
from tenku.accel.report.words import listed
from tenku.base.errors import UsageError


class Outcome(StrEnum):
    """What two reports come to."""

    SAME = "same"  # nothing that is more than noise
    BETTER = "better"  # something is better, and nothing worse
    WORSE = "worse"  # something is worse, whatever else is better


@dataclass(frozen=True, kw_only=True)
class Whole:
    """The job in one number type, before and after."""

    dtype: str
    before: Total
    after: Total

    @property
    def both_known(self) -> bool:
        """Whether the seconds are those of the same operators: two sums with different holes cannot be compared."""
        return not self.before.unknown and not self.after.unknown


@dataclass(frozen=True, kw_only=True)
class Diff:
    """Everything that changed."""

    before: Report
    after: Report
    notes: tuple[str, ...]
    """What else is different, and could be the reason."""
    changes: tuple[Change, ...]
    """The worst first, then the best."""
    wholes: tuple[Whole, ...]
    compared: int
    """Findings that both reports have."""
    noise: Noise

    @property
    def worse(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.kind.worse)

    @property
    def better(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if not change.kind.worse)

    @property
    def outcome(self) -> Outcome:
        return Outcome.WORSE if self.worse else Outcome.BETTER if self.changes else Outcome.SAME


def compare(before: Report, after: Report) -> Diff:
    """What changed. Raises UsageError: they cannot be compared, and why."""
    refuse(before, after)
    noise = noise_of(before, after)
    dtypes = [dtype for dtype in after.dtypes if dtype in before.dtypes]
    wholes = tuple(Whole(dtype=each, before=total(before, each), after=total(after, each)) for each in dtypes)
    pairs = list(_pairs(before, after, dtypes))
    changes = [change for pair in pairs for change in of_finding(*pair, parts=after.parts, noise=noise)]
    return Diff(
        before=before,
        after=after,
        notes=tuple(_notes(before, after)),
        changes=tuple(sorted(_worthwhile([*changes, *_others(before, after, noise)], wholes), key=_worst_first)),
        wholes=wholes,
        compared=len(pairs),
        noise=noise,
    )


def refuse(before: Report, after: Report) -> None:
    """Raises UsageError where two reports are about different things."""
    if before.model != after.model:
        raise _apart(f"one is about {before.model}, the other about {after.model}", "Make both of the same model.")
    if before.inventory != after.inventory:
        raise _apart(
            f"they ask different things of the device ({before.inventory[:8]} and {after.inventory[:8]}): the list of "
            f"{before.model}'s operators has changed between them",
            "Make both with the same Tenku.",
        )
    if dict(before.parts) != dict(after.parts):
        raise _apart(f"their jobs are different ({before.job}; {after.job})", "Make both with the same Tenku.")
    if not set(before.dtypes) & set(after.dtypes):
        raise _apart(
            f"one is of {listed(before.dtypes)}, the other of {listed(after.dtypes)}",
            "Make both with the same --dtype.",
        )


def _apart(why: str, hint: str) -> UsageError:
    return UsageError(f"These two reports cannot be compared: {why}.", hint=hint)


def _pairs(before: Report, after: Report, dtypes: list[str]) -> Iterator[tuple[Finding, Finding]]:
    seen: set[tuple[int, str]] = set()
    for dtype in dtypes:
        old = {finding.call: finding for finding in findings_of(before, dtype)}
        for finding in findings_of(after, dtype):
            # A call of indices is the same in every number type: once is enough.
            key = (finding.call, finding.dtype)
            if finding.call in old and key not in seen:
                seen.add(key)
                yield old[finding.call], finding


def _others(before: Report, after: Report, noise: Noise) -> Iterator[Change]:
    blocks = {(block.name, block.dtype, block.scale): block for block in before.blocks}
    for block in after.blocks:
        old = blocks.get((block.name, block.dtype, block.scale))
        if old is not None:
            yield from of_block(old, block, noise=noise)
    fits = {fit.what: fit for fit in before.fits}
    for fit in after.fits:
        if fit.what in fits:
            yield from of_fit(fits[fit.what], fit)
    peaks = {peak.dtype: peak.flops for peak in before.peaks}
    for peak in after.peaks:
        if peaks.get(peak.dtype):
            yield from of_rate("matrix product", peak.dtype, peaks[peak.dtype], peak.flops, noise=noise)
    if before.copy and after.copy:
        yield from of_rate("copy", "", before.copy, after.copy, noise=noise)


def _worthwhile(changes: list[Change], wholes: tuple[Whole, ...]) -> Iterator[Change]:
    """All but changes of time that the job does not feel: of hundreds of tiny calls some differ by chance."""
    jobs = {whole.dtype: min(whole.before.seconds, whole.after.seconds) for whole in wholes}
    least = min(jobs.values(), default=0.0)
    for change in changes:
        tiny = abs(change.seconds) < Noise.FELT * jobs.get(change.about.dtype, least)
        if not (change.about.of_call and change.kind in (Kind.SLOWER, Kind.FASTER) and tiny):
            yield change


def _worst_first(change: Change) -> tuple[int, float, str, str]:
    return (list(Kind).index(change.kind), -abs(change.seconds), change.about.what, change.about.dtype)


def _notes(before: Report, after: Report) -> Iterator[str]:
    if before.device.name != after.device.name or before.device.kind != after.device.kind:
        yield f"Another device: {before.device.name} before, {after.device.name} after."
    if before.device.host != after.device.host:
        yield f"Another host: {before.device.host} before, {after.device.host} after; times may differ for that alone."
    if before.device.driver != after.device.driver:
        yield f"The driver changed: {before.device.driver or 'none'} before, {after.device.driver or 'none'} after."
    for name in sorted({*before.software, *after.software}):
        old, new = before.software.get(name, "none"), after.software.get(name, "none")
        if old != new:
            yield f"{name} changed: {old} before, {new} after."
    for report, word in ((before, "before"), (after, "after")):
        other = after if report is before else before
        only = [dtype for dtype in report.dtypes if dtype not in other.dtypes]
        if only:
            yield f"{listed(only)} is only in the report {word}, and is not compared."
    missing = _keys(before) ^ _keys(after)
    if missing:
        yield f"{len(missing)} findings are only in one of the reports, and are not compared."


def _keys(report: Report) -> set[tuple[int, str]]:
    return {(finding.call, finding.dtype) for finding in report.findings}


def runs_no_more(diff: Diff) -> tuple[Change, ...]:
    """Changes after which something does not run any more, or runs wrong."""
    return tuple(change for change in diff.worse if change.kind in (Kind.BROKEN, Kind.WRONG))
