"""A call's shapes as people read them (pure)."""

from collections.abc import Iterator
from typing import Any

from tenku.accel.inventory.model import DTYPE, Call, Tensor

MOST = 6
"""Tensors that are named; a list of fifty pieces says no more."""


def shapes_of(call: Call) -> str:
    """`(1536, 8960) x (8960, 1536)`, `(1, 32) int64`; what comes out, where nothing goes in."""
    tensors = list(_tensors((call.arguments, tuple(call.keywords.values())))) or [*call.results]
    text = " x ".join(_look(each) for each in tensors[:MOST])
    return f"{text} and {len(tensors) - MOST} more" if len(tensors) > MOST else text


def _look(tensor: Tensor) -> str:
    inside = ", ".join(str(length) for length in tensor.shape)
    return f"({inside})" if tensor.dtype == DTYPE else f"({inside}) {tensor.dtype}"


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _tensors(each)
