"""A model that can be recorded: its real class at its real size, and one run of each of its parts."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from tenku.accel.inventory.recorder import COMPUTE, META

Work = Callable[[], object]


@dataclass(frozen=True, kw_only=True)
class Run:
    """A part that stands ready."""

    module: nn.Module
    work: Work
    """Runs it once, with the inputs that a usual job has."""
    before: Work = lambda: None
    """What has to have happened, and is not recorded."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A part of a model."""

    name: str
    runs: int
    ready: Callable[[int], Run]
    """Builds it, with so many of its equal blocks."""
    blocks: int = 0
    """How many it really has; 0: it has no equal blocks."""
    period: int = 1
    """After how many of them they repeat."""
    copies: int = 1
    """Of its weights in the whole model."""
    shared: bool = False
    """Its weights are another part's as well, and are counted there."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model."""

    job: str
    pieces: tuple[Piece, ...]


@contextmanager
def _as_loaded(dtype: torch.dtype) -> Iterator[None]:
    """New parameters have no memory, and the number type that the part computes in, as when weights are loaded."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(META):
            yield
    finally:
        torch.set_default_dtype(before)


def built(kind: Callable[..., nn.Module], /, *arguments: Any, dtype: torch.dtype = COMPUTE, **config: Any) -> Any:
    """A module of a real class without weights; what diffusers keeps in float32 is in float32."""
    with _as_loaded(dtype):
        module = kind(*arguments, **config).eval()
    exact = getattr(module, "_keep_in_fp32_modules", None) or ()
    for name, parameter in module.named_parameters():
        if any(part in name.split(".") for part in exact):
            parameter.data = parameter.data.float()
    return module


def tensor(*shape: int, dtype: torch.dtype = COMPUTE) -> torch.Tensor:
    """An input."""
    return torch.empty(shape, dtype=dtype, device=META)


def tokens(*shape: int) -> torch.Tensor:
    """Token ids."""
    return tensor(*shape, dtype=torch.int64)


Subjects = Mapping[str, Subject]
