"""Which pieces of a model run whole, how small they have to be, and their random weights and inputs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from tenku.accel.devices import usable_cores
from tenku.accel.report.extent import Extent, extent_of, halved
from tenku.accel.report.livebytes import live_bytes
from tenku.accel.report.sized import Given, Sized, sized_parts

FLOPS_PER_CORE = 5e10
"""What the processor does with 64 bits in a few seconds. The right answer takes it once, its operators once more."""
NAMES = {
    "transformer": "transformer block",
    "vae decode": "vae decode",
    "prefill": "transformer block",
    "decode": "decoding step",
}
_DRAWN = (torch.ops.aten.normal_.default, torch.ops.aten.uniform_.default)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A piece of a model, as it runs."""

    name: str
    part: Sized
    extent: Extent
    scale: str
    """How it is smaller than in the usual job."""

    def made(self, dtype: torch.dtype, *, seed: int) -> tuple[nn.Module, Given]:
        """It with random weights, and what it is called with, on the processor."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            with Unfilled():  # type: ignore[no-untyped-call]
                module = self.part.make(1)
            fill(module)
            return rounded(module, dtype), self.part.given(self.extent, dtype)


class Unfilled(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Modules are made without drawing their first weights, which takes long and is in vain."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return args[0] if func in _DRAWN else func(*args, **(kwargs or {}))


def cases_of(model: str, job: str, *, flops: float = 0.0) -> list[Case]:
    """The pieces of a model, each as large as the processor can check it with so many operations; 0: by its cores."""
    usual, most = extent_of(job), flops or FLOPS_PER_CORE * usable_cores()
    return [_case(part, usual, most) for part in sized_parts(model).values()]


def case_of(model: str, part: str, extent: Extent, scale: str) -> Case:
    """A case again, of what was planned in another process."""
    return Case(name=NAMES[part], part=sized_parts(model)[part], extent=extent, scale=scale)


def _case(part: Sized, job: Extent, most: float) -> Case:
    sizes = [job]
    while smaller := halved(sizes[-1]):
        sizes.append(smaller)
    extent = sizes.pop()
    # From below: counting for the whole job takes seconds, and that would be too large anyway.
    while sizes and _flops(part, sizes[-1]) <= most:
        extent = sizes.pop()
    return Case(name=NAMES[part.name], part=part, extent=extent, scale=scale_of(part.blocks, job, extent))


def scale_of(blocks: int, job: Extent, extent: Extent) -> str:
    """In words what is smaller than in the usual job; empty: nothing is."""
    words = [f"1 of {blocks} blocks"] if blocks > 1 else []
    if extent != job:
        share = max(2, round(job.amount / extent.amount))
        words.append(f"{extent} for {job} (1/{share})")
    return ", ".join(words)


def _flops(part: Sized, extent: Extent) -> int:
    with torch.device("meta"):
        module, given = part.make(1), part.given(extent, torch.float32)
    return live_bytes(lambda: module(**given)).flops


def fill(module: nn.Module) -> None:
    """Draw weights with which numbers neither vanish nor grow on their way: norms about one, biases about nothing."""
    for name, parameter in module.named_parameters():
        inputs = math.prod(parameter.shape[1:])
        with torch.no_grad():
            parameter.normal_(std=inputs**-0.5 if inputs > 1 else 0.1)
            if inputs == 1 and name.endswith(("weight", "gamma")):
                parameter.add_(1)


def rounded(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Give a module the number type that it computes in, in place, as loading does: some of it stays at 32 bits."""
    exact = {
        part
        for each in module.modules()
        for part in getattr(each, "_keep_in_fp32_modules", None) or ()
        if dtype.itemsize < 4
    }
    for name, parameter in module.named_parameters():
        if not exact.intersection(name.split(".")):
            parameter.data = parameter.data.to(dtype)
        parameter.requires_grad_(False)
    return module
