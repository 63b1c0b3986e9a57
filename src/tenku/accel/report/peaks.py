"""Measures what a device reaches with the work that suits it best: a large matrix product, and a large copy."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from tenku.accel.chip import Chip, MissingOperatorError
from tenku.accel.report.timing import measured

SIDES = (512, 1024, 2048, 4096, 8192, 16384)
"""Of square matrices: a larger one suits a device better, until it fills it."""
COPIED = (1 << 24, 1 << 26, 1 << 28, 1 << 30)
"""Bytes; the smaller ones lie in a cache, so that the last one counts."""
LONG_S = 0.02
"""Work that takes so long has filled the device: twice as much tells nothing new."""
SHARE = 8
"""A matrix takes no more than this part of the free memory."""
TILE = 1 << 20


def peak(chip: Chip, task: Mapping[str, Any], stage: Callable[[str], None]) -> float:
    """Flops a second of a matrix product in a number type. Raises what the device says. `task`: `dtype`, `budget_s`."""
    stage("its peak was measured")
    dtype = getattr(torch, task["dtype"])
    return max(2 * side**3 / seconds for side, seconds in _products(chip, dtype, task["budget_s"]))


def copy(chip: Chip, task: Mapping[str, Any], stage: Callable[[str], None]) -> float:
    """Bytes a second of a copy on the device, read and written. `task`: `budget_s`."""
    stage("its copy was measured")
    rate = 0.0
    for size in COPIED:
        if rate and size * SHARE > chip.free():
            break
        source, target = (chip.put(_random(size // 4, torch.float32)) for _ in range(2))
        work = _copying(chip, source, target)
        start = time.monotonic()
        seconds = measured(chip.seconds, work, budget_s=task["budget_s"])
        rate = 2 * size / seconds
        if seconds > LONG_S or time.monotonic() - start > task["budget_s"]:
            break
    return rate


def dtypes(chip: Chip, _task: None, _stage: Callable[[str], None]) -> list[str]:
    """Number types that the device has."""
    return list(chip.dtypes())


def _products(chip: Chip, dtype: torch.dtype, budget_s: float) -> Iterator[tuple[int, float]]:
    """Side and seconds."""
    for side in SIDES:
        if side > SIDES[0] and side * side * dtype.itemsize * SHARE > chip.free():
            return
        work = _product(chip, side, dtype)
        start = time.monotonic()
        seconds = measured(chip.seconds, work, budget_s=budget_s)
        yield side, seconds
        if seconds > LONG_S or time.monotonic() - start > budget_s:
            return


def _product(chip: Chip, side: int, dtype: torch.dtype) -> Callable[[], object]:
    left, right = (chip.put(_random(side * side, dtype).view(side, side)) for _ in range(2))
    if dtype.itemsize > 1:
        return lambda: chip.call("aten.mm.default", (left, right), {})
    one = chip.put(torch.ones(()))
    other = (
        right if dtype == torch.float8_e4m3fn else chip.put(_random(side * side, torch.float8_e4m3fn).view(side, -1))
    )
    flipped = chip.call("aten.t.default", (other,), {})
    return lambda: chip.call("aten._scaled_mm.default", (left, flipped, one, one), {"out_dtype": torch.bfloat16})


def _copying(chip: Chip, source: Any, target: Any) -> Callable[[], object]:
    """Into memory that is there already; a device without that makes a new one each time."""
    try:
        chip.call("aten.copy_.default", (target, source), {})
    except MissingOperatorError:
        return lambda: chip.call("aten.clone.default", (source,), {})
    return lambda: chip.call("aten.copy_.default", (target, source), {})


def _random(count: int, dtype: torch.dtype) -> torch.Tensor:
    tile = torch.randn(min(count, TILE)).to(dtype)
    return tile.repeat(-(-count // TILE))[:count]
