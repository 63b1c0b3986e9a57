"""The right answer: the same weights, inputs and operators with numbers of 64 bits, on the processor."""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map


class Wide(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Whatever is asked for in fewer bits is done in 64: models ask for float32 by name here and there."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return func(*tree_map(wide_type, tuple(args)), **tree_map(wide_type, dict(kwargs or {})))


def wide_type(value: Any) -> Any:
    """A number type with 64 bits to a number; anything else as it is."""
    if not isinstance(value, torch.dtype):
        return value
    return torch.float64 if value.is_floating_point else torch.complex128 if value.is_complex else value


def wide(value: Any) -> Any:
    """A tensor of the processor with 64 bits to a number; anything else as it is."""
    if not isinstance(value, torch.Tensor):
        return wide_type(value)
    return value.to(wide_type(value.dtype)) if value.is_floating_point() or value.is_complex() else value


def wide_result(module: nn.Module, given: Mapping[str, Any]) -> list[torch.Tensor]:
    """What a module would give if no number were ever rounded; it and its inputs stay as they are."""
    twin = copy.deepcopy(module).double()
    with torch.no_grad(), Wide():  # type: ignore[no-untyped-call]
        return results_of(twin(**tree_map(wide, dict(given))))


def results_of(result: Any) -> list[torch.Tensor]:
    """The tensors of a module's answer."""
    return [each for each in tree_leaves(result) if isinstance(each, torch.Tensor)]


def error_of(found: Sequence[torch.Tensor], right: Sequence[torch.Tensor]) -> float:
    """Length of the difference over the length of what is right; NaN where a number is none and should be one."""
    difference = length = 0.0
    for one, other in zip(found, right, strict=True):
        one, other = _plain(one), _plain(other)
        off, long = _square(one - other), _square(other)
        if not math.isfinite(off + long):  # infinite in both is right
            off = _square(torch.where(one == other, 0.0, one - other))
            long = _square(torch.where(other.isfinite(), other, 0.0))
        difference, length = difference + off, length + long
    if difference == 0:
        return 0.0
    return math.sqrt(difference / length) if length else math.inf


def _square(tensor: torch.Tensor) -> float:
    return float(torch.linalg.vector_norm(tensor)) ** 2


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    return torch.view_as_real(tensor.resolve_conj()).double() if tensor.is_complex() else tensor.double()
