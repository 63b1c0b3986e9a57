"""The largest jobs of a model that fit a device's memory: computed first, and then tried on the device."""

import dataclasses
import importlib
from collections.abc import Callable, Sequence
from typing import Any

from tenku.accel.chip import Chip
from tenku.accel.devices import KINDS, PROCESSOR
from tenku.accel.inventory.model import Inventory
from tenku.accel.report.extent import Extent, extent_of
from tenku.accel.report.model import Fit, Verdict
from tenku.accel.report.supervised import Outcome, Supervised, Task
from tenku.accel.report.words import bytes_text

DTYPES = ("bfloat16", "float16", "float32")
"""What weights are kept in: the first of these that is asked for, as it takes least."""
LIMIT_S = 300.0
"""For each size that is tried."""
TRIES = 3
"""So many sizes are tried, from the computed one down."""
PIECE = 1 << 28
"""Bytes of the rest of the weights that are brought to the device at a time."""
Computed = dict[str, Any]
"""A Fit as JSON, and the sizes to try, the largest first."""


def run_fits(
    inventory: Inventory,
    chip: str,
    dtypes: Sequence[str],
    *,
    limit_s: float = LIMIT_S,
    report: Callable[[str], None] = lambda _: None,
) -> list[Fit]:
    """The largest resolution, length and batch, or context, that fit, in the smallest of the number types.

    `chip`: as `Supervised` takes it. `limit_s`: for computing, and for each size that is tried. `report` is told what
    is done next. It all happens in child processes: a device that is out of memory may take its process with it.
    """
    dtype = next((each for each in DTYPES if each in dtypes), "")
    if not dtype:
        return []
    with Supervised(chip) as device:
        report("computing which sizes fit")
        job = {"model": inventory.model, "job": inventory.job, "dtype": dtype}
        outcome = device.run(Task(function=f"{__name__}:computed", argument=job, limit_s=limit_s))
        if outcome.verdict is not None:
            return [Fit(what="memory", computed="", computed_bytes=0, message=outcome.message)]
        return [_tried(device, each, limit_s=limit_s, report=report) for each in outcome.answer]


def _tried(device: Supervised, row: Computed, *, limit_s: float, report: Callable[[str], None]) -> Fit:
    """Try the computed size, and smaller ones where it does not fit after all."""
    fit = Fit(**row["fit"])
    for size in row["sizes"]:
        report(f"trying {fit.what}: {size['said']}")
        outcome = device.run(Task(function=f"{__name__}:held", argument=size, limit_s=limit_s))
        if outcome.verdict is None:
            return dataclasses.replace(fit, tried=size["said"], tried_bytes=outcome.answer)
        fit = dataclasses.replace(fit, message=_failed(size["said"], outcome))
        if outcome.verdict is not Verdict.LARGE and outcome.verdict is not Verdict.CRASHED:
            break  # smaller ones would end the same way
    return fit


def _failed(said: str, outcome: Outcome) -> str:
    why = "does not fit after all" if outcome.verdict is Verdict.LARGE else f"could not be tried ({outcome.verdict})"
    return f"{said} {why}: {outcome.message}"


def computed(chip: Chip, argument: Any, stage: Callable[[str], None]) -> list[Computed]:
    """In the child: what fits, by counting."""
    torch = importlib.import_module("torch")
    cases = importlib.import_module("tenku.accel.report.fitcases")
    stage("what fits was computed")
    needs = cases.Needs(argument["model"], getattr(torch, argument["dtype"]))
    weights, room = needs.weights(), int(chip.free() * cases.USABLE)
    whole, largest = sum(weights.values()), max(weights.values())
    together = whole <= room
    resident = whole if together else largest
    found = []
    for row in cases.rows_of(extent_of(argument["job"]), trained=needs.trained):
        count = (
            cases.largest(row.extents, lambda extent: resident + needs.working(extent), room) if resident <= room else 0
        )
        fitting = list(reversed(row.extents[:count]))
        message = why_not(chip, whole=whole, largest=largest, room=room, fits=bool(fitting))
        fit = Fit(
            what=row.what,
            computed=row.said(fitting[0]) if fitting else "",
            computed_bytes=resident + needs.working(fitting[0] if fitting else row.extents[0]),
            message=message,
        )
        tried = fitting[:TRIES] if chip.device.kind != PROCESSOR else []
        sizes = [
            {
                **argument,
                "said": row.said(extent),
                "extent": dataclasses.asdict(extent),
                "others": resident if together else 0,
            }
            for extent in tried
        ]
        found.append({"fit": dataclasses.asdict(fit), "sizes": sizes})
    return found


def why_not(chip: Chip, *, whole: int, largest: int, room: int, fits: bool) -> str:
    """What is to be said of a size that was computed: why it is none, or is not tried, or how it fits."""
    if largest > room:
        return (
            f"Not tried: the largest part's weights alone have {bytes_text(largest)}, and {bytes_text(room)} are free."
        )
    if not fits:
        return f"Not tried: with its smallest job it needs more than the {bytes_text(room)} that are free."
    words = "Parts wait in main memory for their turn: all of them do not fit at once." if whole > room else ""
    if chip.device.kind == PROCESSOR:
        words += " Not tried: this is the machine's own memory, and other programs need theirs."
    return words.strip()


def held(chip: Chip, argument: Any, stage: Callable[[str], None]) -> int:
    """In the child: run one block of each part at this size, beside as many bytes as all weights have.

    Gives the most bytes that were taken; 0: the device does not tell. Raises MemoryError.
    """
    torch = importlib.import_module("torch")
    modules = [importlib.import_module(f"tenku.accel.report.{name}") for name in ("sized", "blockcases", "runners")]
    sized, cases, runners = modules
    extent, dtype = Extent(**argument["extent"]), getattr(torch, argument["dtype"])
    known = chip.device.kind in KINDS
    own = importlib.import_module("tenku.accel.torchdevice")
    if known:
        own.reset_peak(chip.device)
    for name, part in sized.sized_parts(argument["model"]).items():
        stage(f"{name} ran at this size")
        case = cases.Case(name=name, part=part, extent=extent, scale="")
        module, given = case.made(dtype, seed=0)
        size = sum(each.numel() * each.itemsize for each in module.parameters())
        others = _filled(chip, max(0, argument["others"] - size), dtype)
        runner = runners.runner_of(chip, module, given)
        chip.seconds(runner.run)
        del others, runner, module, given
    return int(own.peak(chip.device)) if known else 0


def _filled(chip: Chip, size: int, dtype: Any) -> list[Any]:
    """So many bytes of the device's memory, taken."""
    torch = importlib.import_module("torch")
    pieces = [PIECE] * (size // PIECE) + [size % PIECE]
    return [chip.put(torch.zeros(piece // dtype.itemsize, dtype=dtype)) for piece in pieces]
