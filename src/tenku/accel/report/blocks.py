"""Runs whole pieces of a model on a device: how far off they are end to end, and how long they take."""

import dataclasses
import importlib
import math
import statistics
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tenku.accel.chip import Chip
from tenku.accel.inventory.model import Inventory
from tenku.accel.report.extent import Extent
from tenku.accel.report.model import Block, Verdict
from tenku.accel.report.supervised import Outcome, Supervised, Task

if TYPE_CHECKING:
    from tenku.accel.report.blockcases import Case
    from tenku.accel.report.runners import Runner

DTYPES = ("float32", "bfloat16", "float16")
"""Number types that a whole model computes in; those of 8 bits are for single products."""
OFF = {"float32": 2e-3, "bfloat16": 0.1, "float16": 0.02}
"""How far off a whole piece may be; of float32 as far as with TF32, which devices take for it unless they are told."""
RUNS, LONG_S = 3, 1.0
"""Timed so often; what takes longer than that, once."""
LIMIT_S = 300.0
"""For each stage of a piece; the processor's right answer is the longest."""
SEED = 20260
Planned = dict[str, Any]
"""A piece as JSON: model, part, extent, scale."""


def run_blocks(
    inventory: Inventory,
    chip: str,
    dtypes: Sequence[str],
    *,
    limit_s: float = LIMIT_S,
    flops: float = 0.0,
    report: Callable[[str], None] = lambda _: None,
) -> list[Block]:
    """Run every piece of a model in every number type, in a child process that a device may hang or crash.

    `chip`: as `Supervised` takes it. `limit_s`: for each stage of a piece. `flops`: the most that the right answer of
    one piece may take; 0: by the processor's cores. `report` is told what is done next.
    """
    with Supervised(chip) as device:
        report("planning whole blocks")
        plan = {"inventory": {"model": inventory.model, "job": inventory.job}, "flops": flops}
        outcome = device.run(Task(function=f"{__name__}:planned", argument=plan, limit_s=limit_s))
        if outcome.verdict is not None:
            return [_ended("blocks", "", "", outcome)]
        found = []
        for piece in outcome.answer:
            for dtype in (each for each in dtypes if each in DTYPES):
                report(f"{piece['name']} in {dtype}")
                task = Task(function=f"{__name__}:measured", argument={**piece, "dtype": dtype}, limit_s=limit_s)
                found.append(_block(piece, dtype, device.run(task)))
        return found


def planned(_: Chip, argument: Any, stage: Callable[[str], None]) -> list[Planned]:
    """In the child: which pieces there are, and how large each can be."""
    cases = importlib.import_module("tenku.accel.report.blockcases")
    model, job = argument["inventory"]["model"], argument["inventory"]["job"]
    stage("its pieces were planned")
    return [
        {
            "model": model,
            "name": each.name,
            "part": each.part.name,
            "extent": dataclasses.asdict(each.extent),
            "scale": each.scale,
        }
        for each in cases.cases_of(model, job, flops=argument["flops"])
    ]


def measured(chip: Chip, argument: Any, stage: Callable[[str], None]) -> dict[str, Any]:
    """In the child: one piece in one number type. Raises what the device says."""
    cases = importlib.import_module("tenku.accel.report.blockcases")
    extent = Extent(**argument["extent"])
    case = cases.case_of(argument["model"], argument["part"], extent, argument["scale"])
    return dataclasses.asdict(block_of(chip, case, argument["dtype"], stage=stage))


def block_of(chip: Chip, case: "Case", dtype: str, *, stage: Callable[[str], None] = lambda _: None) -> Block:
    """Run a piece on a device, and compare it with the same in 64 bits. Raises what the device says."""
    torch = importlib.import_module("torch")
    wide, runners = (importlib.import_module(f"tenku.accel.report.{name}") for name in ("wide", "runners"))
    stage("its right answer was computed")
    module, given = case.made(getattr(torch, dtype), seed=SEED)
    right = wide.wide_result(module, given)
    stage("it was brought to the device")
    runner: Runner = runners.runner_of(chip, module, given)
    stage("it ran")
    made: list[Any] = []
    first = chip.seconds(lambda: made.append(runner.run()))
    error = wide.error_of(runner.fetched(made.pop()), right)
    stage("it ran, watched for what the processor does instead")
    fallen = chip.fallbacks(runner.run)
    stage("its time was taken")
    times = [chip.seconds(runner.run) for _ in range(RUNS if first < LONG_S else 1)]
    stage("it ran operator by operator")
    parts = runner.one_by_one()
    verdict, message = judged(error, fallen, most=OFF[dtype], worst=parts.worst)
    return Block(
        name=case.name,
        dtype=dtype,
        verdict=verdict,
        message=message,
        error=_finite(error),
        parts_error=_finite(parts.error),
        seconds=statistics.median(times),
        parts_seconds=parts.seconds,
        scale=case.scale,
    )


def judged(error: float, fallen: frozenset[str], *, most: float, worst: tuple[str, float]) -> tuple[Verdict, str]:
    """What is to be said of a piece that ran: how far off it is, what fell back, which operator is furthest off."""
    name, off = worst
    guilty = f"; of its operators {name} is furthest off, by {_share(off)}" if name else ""
    if not math.isfinite(error):
        return Verdict.WRONG, f"Numbers are NaN or infinite that should not be{guilty}."
    if error > most:
        return Verdict.WRONG, f"It is off by {_share(error)}, more than {_share(most)}{guilty}."
    if fallen:
        return Verdict.FALLBACK, f"The processor does {', '.join(sorted(fallen))}."
    return Verdict.NATIVE, ""


def _share(share: float) -> str:
    return f"{share:.2g}" if math.isfinite(share) else "NaN"


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _block(piece: Planned, dtype: str, outcome: Outcome) -> Block:
    if outcome.verdict is not None:
        return _ended(piece["name"], dtype, piece["scale"], outcome)
    return Block(**{**outcome.answer, "verdict": Verdict(outcome.answer["verdict"])})


def _ended(name: str, dtype: str, scale: str, outcome: Outcome) -> Block:
    assert outcome.verdict is not None
    return Block(name=name, dtype=dtype, verdict=outcome.verdict, message=outcome.message, scale=scale)
