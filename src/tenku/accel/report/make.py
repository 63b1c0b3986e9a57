"""Makes a report: asks the device what it is, runs operators, whole blocks and sizes on it, and writes it all down.

Everything that touches the device runs in children (see `supervised`), so nothing that it does ends this process.
"""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

from tenku import __version__
from tenku.accel.chip import ENTRY_POINTS, Chip
from tenku.accel.devices import PROCESSOR, processor, usable_cores
from tenku.accel.entrypoints import package_of, points
from tenku.accel.inventory.model import Inventory
from tenku.accel.inventory.read import hash_of, inventory_of, names
from tenku.accel.report.blocks import LIMIT_S as BLOCK_S
from tenku.accel.report.blocks import run_blocks
from tenku.accel.report.fits import LIMIT_S as FIT_S
from tenku.accel.report.fits import run_fits
from tenku.accel.report.model import VERSION, Block, Chipped, Finding, Fit, Peak, Report
from tenku.accel.report.operators import Limits, Progress, operators_on
from tenku.accel.report.supervised import Supervised, Task
from tenku.accel.report.words import bytes_text, listed
from tenku.base.errors import MachineError, UsageError

USUAL = ("bfloat16", "float16", "float32", "float8_e4m3fn")
"""Number types that models use; more only when they are asked for."""
SIZES = {"float64": 8, "float32": 4}
"""Bytes of a number; others have two, those of 8 bits one."""
PACKAGES = ("torch", "diffusers", "transformers", "torch_npu", "torch_musa", "intel_extension_for_pytorch")
"""Whose versions make a difference."""
LIMIT_S = 60.0
QUICK_S, QUICK_PEAK_S = 0.05, 0.3
"""For measuring the time of one call, and of one size of a peak."""
START_S = 180.0


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a report is to be about."""

    model: str
    device: str
    """As `accel.finding.chip_of` takes it."""
    dtypes: tuple[str, ...] = ()
    """Empty: those of USUAL that the device has."""
    quick: bool = False
    """One number type, operators alone."""
    limit_s: float = LIMIT_S
    """For each stage of each call: what takes longer hangs."""


class Told(Protocol):
    """Hears what is done; `cli.progress.Bar` is one."""

    def phase(self, text: str, *, total: int, unit: str = "B") -> None:
        """A stretch of work begins."""

    def advance(self, amount: int) -> None:
        """So much more of it is done."""

    def detail(self, text: str) -> None:
        """What is done now."""

    def note(self, text: str) -> None:
        """Something that people should know."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a device says of itself."""

    device: Chipped
    free: int
    dtypes: tuple[str, ...]


def make(wanted: Wanted, *, told: Told, clock: Callable[[], float], now: datetime) -> Report:
    """The report. `clock`: seconds that only rise; `now`: when it begins.

    Raises:
        UsageError: there is no such model or number type.
        MachineError: there is no such device, or it cannot be opened.
    """
    began = clock()
    inventory = inventory_of(wanted.model)
    told.phase(f"opening {wanted.device}", total=0)
    with Supervised(wanted.device) as device:
        facts = facts_of(device, wanted.device)
        dtypes = dtypes_of(wanted, facts)
        warning = too_large(inventory, facts, dtypes, others=smaller_than(inventory, facts))
        if warning:
            told.note(warning)
        peaks, copy, findings = _operators(device, inventory, wanted, dtypes, told)
    blocks = () if wanted.quick else _blocks(inventory, wanted, dtypes, told)
    fits = () if wanted.quick else _fits(inventory, wanted, dtypes, told)
    return Report(
        version=VERSION,
        made_at=now.astimezone(UTC).isoformat(timespec="seconds"),
        took_s=round(clock() - began, 1),
        device=facts.device,
        software=software(),
        model=inventory.model,
        job=inventory.job,
        inventory=hash_of(inventory),
        dtypes=dtypes,
        parts={part.name: part.runs for part in inventory.parts},
        copy=copy,
        peaks=peaks,
        findings=findings,
        blocks=blocks,
        fits=fits,
    )


def _operators(
    device: Supervised, inventory: Inventory, wanted: Wanted, dtypes: tuple[str, ...], told: Told
) -> tuple[tuple[Peak, ...], float, tuple[Finding, ...]]:
    told.phase("operators", total=len(dtypes) * len(inventory.calls), unit="call")
    limits = Limits(call_s=wanted.limit_s)
    if wanted.quick:
        limits = replace(limits, budget_s=QUICK_S, peak_s=QUICK_PEAK_S)
    done = 0

    def heard(progress: Progress) -> None:
        nonlocal done
        told.advance(progress.done - done)
        told.detail(progress.what)
        done = progress.done

    peaks, copy, findings = operators_on(device, inventory, dtypes, limits=limits, report=heard)
    return peaks, copy, tuple(findings)


def _blocks(inventory: Inventory, wanted: Wanted, dtypes: tuple[str, ...], told: Told) -> tuple[Block, ...]:
    told.phase("whole blocks", total=0)
    # The right answer of a whole block takes the processor its time: the limit is that of a call only where it is more.
    limit = max(wanted.limit_s, BLOCK_S)
    return tuple(run_blocks(inventory, wanted.device, dtypes, limit_s=limit, report=told.detail))


def _fits(inventory: Inventory, wanted: Wanted, dtypes: tuple[str, ...], told: Told) -> tuple[Fit, ...]:
    told.phase("what fits", total=0)
    limit = max(wanted.limit_s, FIT_S)
    return tuple(run_fits(inventory, wanted.device, dtypes, limit_s=limit, report=told.detail))


def facts_of(device: Supervised, name: str) -> Facts:
    """Ask the device, in its child. Raises MachineError."""
    outcome = device.run(Task(function=f"{__name__}:asked", argument=None, limit_s=START_S))
    if outcome.verdict is not None:
        raise MachineError(f"The device {name} does not say what it is: {outcome.message}")
    answer = outcome.answer
    chipped = Chipped(**{**answer["device"], "host": host()})
    return Facts(device=chipped, free=answer["free"], dtypes=tuple(answer["dtypes"]))


def asked(chip: Chip, _: Any, stage: Callable[[str], None]) -> Mapping[str, Any]:
    """In the child: what the device says of itself."""
    stage("asked what it is")
    device = chip.device
    return {
        "device": {
            "kind": device.kind,
            "index": device.index,
            "name": device.name,
            "memory": device.memory,
            "driver": chip.driver,
        },
        "free": chip.free(),
        "dtypes": list(chip.dtypes()),
    }


def dtypes_of(wanted: Wanted, facts: Facts) -> tuple[str, ...]:
    """Which number types are tried. Raises UsageError: the device has none of this name."""
    strange = [dtype for dtype in wanted.dtypes if dtype not in facts.dtypes]
    if strange:
        raise UsageError(
            f"{wanted.device} has no numbers of type {strange[0][:40]!r}.",
            hint=f"It has {listed(facts.dtypes, most=len(facts.dtypes))}.",
        )
    chosen = wanted.dtypes or tuple(each for each in USUAL if each in facts.dtypes) or facts.dtypes
    # The processor computes in wholes faster than in halves; every other device the other way round.
    first = "float32" if facts.device.kind == PROCESSOR and "float32" in chosen else chosen[0]
    return (first,) if wanted.quick and not wanted.dtypes else chosen


def too_large(inventory: Inventory, facts: Facts, dtypes: Sequence[str], *, others: Sequence[str]) -> str:
    """A sentence where the weights alone do not fit; empty: they do."""
    least = min(weights(inventory, dtype) for dtype in dtypes)
    if least <= facts.free or not facts.device.memory:
        return ""
    would = f"What would: {listed(others, most=6)}." if others else "No model that Tenku knows would."
    return (
        f"{inventory.model} does not fit whole: its weights need {bytes_text(least)}, and {facts.device.name} has "
        f"{bytes_text(facts.free)} free of {bytes_text(facts.device.memory)}. {would} "
        "Its operators are tried one by one all the same."
    )


def smaller_than(inventory: Inventory, facts: Facts) -> list[str]:
    """Other models whose weights would fit in numbers of two bytes."""
    if weights(inventory, "bfloat16") <= facts.free:
        return []  # nobody asks
    others = (inventory_of(name) for name in names() if not name.startswith("tiny-"))
    return [each.model for each in others if weights(each, "bfloat16") <= facts.free]


def weights(inventory: Inventory, dtype: str) -> int:
    """Bytes of the whole model's weights."""
    return inventory.parameters * (1 if dtype.startswith("float8") else SIZES.get(dtype, 2))


def host() -> str:
    """The processor and the system around the device: what makes a difference to time."""
    return f"{processor().name}, {usable_cores()} cores, {platform.system()} {platform.release()}"


def software() -> dict[str, str]:
    """Versions of what makes a difference."""
    found = {"tenku": __version__, "python": platform.python_version()}
    for package in (*PACKAGES, *sorted({package_of(entry) for entry in points(ENTRY_POINTS)})):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
