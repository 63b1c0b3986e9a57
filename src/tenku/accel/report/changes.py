"""One change between two reports: what, how, and what it means for the job (pure)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import prod
from re import findall

from tenku.accel.report.costs import BLOCKING
from tenku.accel.report.model import Block, Finding, Fit, Verdict
from tenku.accel.report.noise import Noise
from tenku.accel.report.words import copy_text, error_text, rate_text, short, time_text


class Kind(StrEnum):
    """How something changed; the worst first."""

    BROKEN = "newly failing"  # it ran, and now it is missing, fails, hangs, crashes or does not fit
    WRONG = "newly wrong"
    FALLBACK = "newly a fall-back"
    LESS_EXACT = "less exact"
    SLOWER = "slower"
    SMALLER = "fits less"
    NATIVE = "newly native"
    RUNS = "runs now"  # it did not, and now the processor does it
    MORE_EXACT = "more exact"
    FASTER = "faster"
    LARGER = "fits more"

    @property
    def worse(self) -> bool:
        return self in _WORSE


_WORSE = (Kind.BROKEN, Kind.WRONG, Kind.FALLBACK, Kind.LESS_EXACT, Kind.SLOWER, Kind.SMALLER)


@dataclass(frozen=True, kw_only=True)
class About:
    """What a change is about."""

    what: str
    """An operator, a block, a kind of fit, a peak."""
    shapes: str = ""
    dtype: str = ""
    of_call: bool = False
    """It is an operator, of which there are hundreds."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """Something that is not as it was."""

    kind: Kind
    about: About
    before: str
    after: str
    message: str = ""
    seconds: float = 0.0
    """That the job takes longer."""


def of_finding(before: Finding, after: Finding, *, parts: Mapping[str, int], noise: Noise) -> Iterator[Change]:
    """How an operator changed."""
    times = sum(count * parts.get(part, 0) for part, count in after.counts.items())
    longer = (after.seconds - before.seconds) * times if before.seconds and after.seconds else 0.0
    about = About(what=short(after.operator), shapes=after.shapes, dtype=after.dtype, of_call=True)
    for change in _of_both(before, after, about, noise):
        yield change if change.kind in (Kind.LESS_EXACT, Kind.MORE_EXACT) else replace(change, seconds=longer)


def of_block(before: Block, after: Block, *, noise: Noise) -> Iterator[Change]:
    """How a whole piece of the model changed."""
    yield from _of_both(before, after, About(what=after.name, shapes=after.scale, dtype=after.dtype), noise)


def of_fit(before: Fit, after: Fit) -> Iterator[Change]:
    """How the largest that fits changed; what was tried says more than what was computed, where both were."""
    both = bool(before.tried and after.tried)
    old, new = (before.tried, after.tried) if both else (before.computed, after.computed)
    if size(old) != size(new):
        kind = Kind.LARGER if size(new) > size(old) else Kind.SMALLER
        yield Change(
            kind=kind,
            about=About(what=after.what),
            before=old or "nothing",
            after=new or "nothing",
            message=after.message,
        )


def of_rate(what: str, dtype: str, before: float, after: float, *, noise: Noise) -> Iterator[Change]:
    """How a measured peak changed."""
    kind = _either(noise.lower(before, after), noise.lower(after, before), kinds=(Kind.SLOWER, Kind.FASTER))
    if kind is not None:
        text = rate_text if dtype else copy_text
        yield Change(kind=kind, about=About(what=what, dtype=dtype), before=text(before), after=text(after))


def of_verdict(before: Verdict, after: Verdict) -> Kind | None:
    """What a new verdict means; None: it means nothing, as one failure instead of another."""
    if before is after:
        return None
    if after is Verdict.NATIVE:
        return Kind.NATIVE
    if after is Verdict.WRONG:
        return Kind.WRONG  # also after a failure, which at least was heard
    if after in BLOCKING:
        return Kind.BROKEN if before not in BLOCKING else None
    return Kind.FALLBACK if before is Verdict.NATIVE else Kind.RUNS


def size(text: str) -> int:
    """How much `1280x720` or `81` is: the product of its numbers; 0 for nothing."""
    numbers = [int(number) for number in findall(r"\d+", text)]
    return prod(numbers) if numbers else 0


def _of_both(before: Finding | Block, after: Finding | Block, about: About, noise: Noise) -> Iterator[Change]:
    """The verdict; where that is the same and good, the error and the time."""
    kind = of_verdict(before.verdict, after.verdict)
    if kind is not None:
        old, new = before.verdict.value, after.verdict.value
        yield Change(kind=kind, about=about, before=old, after=new, message=after.message)
    elif after.verdict not in BLOCKING:
        yield from _of_error(before.error, after.error, about, noise)
        yield from _of_times(before.seconds, after.seconds, about, noise)


def _of_error(before: float | None, after: float | None, about: About, noise: Noise) -> Iterator[Change]:
    if before is None or after is None:
        return
    kind = _either(
        noise.less_exact(before, after, about.dtype),
        noise.less_exact(after, before, about.dtype),
        kinds=(Kind.LESS_EXACT, Kind.MORE_EXACT),
    )
    if kind is not None:
        yield Change(kind=kind, about=about, before=error_text(before), after=error_text(after))


def _of_times(before: float | None, after: float | None, about: About, noise: Noise) -> Iterator[Change]:
    if before is None or after is None:
        return
    kind = _either(noise.slower(before, after), noise.slower(after, before), kinds=(Kind.SLOWER, Kind.FASTER))
    if kind is not None:
        yield Change(kind=kind, about=about, before=time_text(before), after=time_text(after))


def _either(worse: bool, better: bool, *, kinds: tuple[Kind, Kind]) -> Kind | None:
    return kinds[0] if worse else kinds[1] if better else None
