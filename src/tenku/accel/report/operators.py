"""Runs every operator of an inventory on a device, in child processes, and tells how each fared."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tenku.accel.inventory.model import Call, Inventory
from tenku.accel.inventory.plain import call_to_plain
from tenku.accel.report.eightbits import in_dtype
from tenku.accel.report.model import Against, Finding, Peak, Verdict
from tenku.accel.report.shapes import shapes_of
from tenku.accel.report.supervised import Outcome, Supervised, Task

TRY, PEAK, COPY, DTYPES = (
    "tenku.accel.report.trial:try_call",
    "tenku.accel.report.peaks:peak",
    "tenku.accel.report.peaks:copy",
    "tenku.accel.report.peaks:dtypes",
)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long things may take."""

    call_s: float = 30.0
    """Each stage of one call: a device that is silent for longer hangs."""
    prepare_s: float = 180.0
    """For the right result of one call, which is the processor's work."""
    budget_s: float = 0.2
    """For measuring the time of one call."""
    peak_s: float = 1.0
    """For measuring one size of a peak."""
    threads: int = 0
    """Of the processor; 0: as many as there are cores."""
    seed: int = field(default_factory=lambda: secrets.randbits(32))
    """Of the random numbers: fresh ones each time, unless they are to be the same."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far it is."""

    done: int
    total: int
    what: str
    """What is next: `aten.addmm.default in bfloat16`."""


Report = Callable[[Progress], None]


def run_operators(
    inventory: Inventory,
    chip_kind: str,
    index: int,
    dtypes: Sequence[str],
    *,
    limits: Limits,
    report: Report,
) -> tuple[tuple[Peak, ...], float, list[Finding]]:
    """Peaks, copy in bytes a second, and a finding for each call in each number type. Raises MachineError."""
    with Supervised(f"{chip_kind}:{index}", threads=limits.threads) as device:
        return operators_on(device, inventory, dtypes, limits=limits, report=report)


def operators_on(
    device: Supervised, inventory: Inventory, dtypes: Sequence[str], *, limits: Limits, report: Report
) -> tuple[tuple[Peak, ...], float, list[Finding]]:
    """The same on a device that is open already."""
    report(Progress(done=0, total=len(dtypes) * len(inventory.calls), what="peaks"))
    peaks, copy = peaks_on(device, dtypes, limits=limits)
    return peaks, copy, list(findings_on(device, inventory, dtypes, peaks, limits=limits, report=report))


def dtypes_of(device: Supervised) -> tuple[str, ...]:
    """Number types that a device has."""
    return tuple(device.run(Task(function=DTYPES, argument=None, limit_s=Limits().call_s)).answer or ())


def peaks_on(device: Supervised, dtypes: Sequence[str], *, limits: Limits) -> tuple[tuple[Peak, ...], float]:
    """What the device reaches; a number type that it cannot multiply has no peak."""
    rates = {
        dtype: device.run(Task(function=PEAK, argument=_budget(limits, dtype=dtype), limit_s=limits.call_s))
        for dtype in dtypes
    }
    copied = device.run(Task(function=COPY, argument=_budget(limits), limit_s=limits.call_s))
    return tuple(Peak(dtype=dtype, flops=each.answer) for dtype, each in rates.items() if each.answer), (
        copied.answer or 0.0
    )


def findings_on(
    device: Supervised,
    inventory: Inventory,
    dtypes: Sequence[str],
    peaks: Sequence[Peak],
    *,
    limits: Limits,
    report: Report,
) -> Iterator[Finding]:
    """A finding for each call in each number type, as they come.

    What asks for no number type by itself is run once, and stands in every one of them.
    """
    rates = {each.dtype: each.flops for each in peaks}
    total = len(dtypes) * len(inventory.calls)
    known: dict[tuple[int, str], Outcome] = {}
    done = 0
    for dtype in dtypes:
        for number, call in enumerate(inventory.calls):
            report(Progress(done=done, total=total, what=f"{call.operator} in {dtype}"))
            asked, computed = in_dtype(call, dtype)
            key = number, computed
            if key not in known:
                argument = {
                    "call": call_to_plain(asked),
                    "dtype": computed or "float32",
                    "seed": limits.seed + number,
                    "budget_s": limits.budget_s,
                    "limit_s": limits.call_s,
                    "rate": rates.get(dtype, 0.0),
                }
                known[key] = device.run(
                    Task(function=TRY, argument=argument, limit_s=limits.call_s, prepare_s=limits.prepare_s)
                )
            yield finding_of(number, call, asked, dtype, known[key])
            done += 1
    report(Progress(done=total, total=total, what=""))


def finding_of(number: int, call: Call, asked: Call, dtype: str, outcome: Outcome) -> Finding:
    """A finding of how a call ended."""
    answer: dict[str, Any] = outcome.answer or {}
    against = answer.get("against")
    return Finding(
        call=number,
        operator=asked.operator,
        shapes=shapes_of(asked),
        dtype=dtype,
        verdict=outcome.verdict or Verdict(answer["verdict"]),
        message=outcome.message or answer.get("message", ""),
        error=answer.get("error") if against else None,
        worst=answer.get("worst") if against else None,
        against=Against(against) if against else None,
        seconds=answer.get("seconds"),
        flops=answer.get("flops", call.flops),
        moved=answer.get("moved", call.moved),
        counts=dict(call.counts),
    )


def _budget(limits: Limits, **more: Any) -> dict[str, Any]:
    return {"budget_s": limits.peak_s, **more}
