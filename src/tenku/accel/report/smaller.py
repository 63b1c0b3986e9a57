"""Makes a call smaller, so that its right result in float64 on the processor does not take minutes.

A length that stands in the shapes is halved wherever it stands, until arithmetic and memory are below the limits:
the longest first, and those that the result keeps (tokens, rows, pixels) before those that are only summed over, so
that sums mostly stay as long as the model's, and the errors that grow with them. What torch does not take is not done.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from tenku.accel.inventory.cost import flops_of, tensors_in
from tenku.accel.inventory.model import Call, Tensor
from tenku.accel.report.case import meta_of
from tenku.accel.torchchip import overload_of

SHORTEST = 16
"""Lengths below that are numbers of heads, channels of pictures, kernels."""


@dataclass(frozen=True, kw_only=True)
class Most:
    """What a reference may cost."""

    flops: int = 500_000_000
    numbers: int = 1 << 21
    """In all tensors together."""


@dataclass(frozen=True, kw_only=True)
class Shrunk:
    """A call that is small enough, and which lengths were made shorter."""

    call: Call
    lengths: tuple[tuple[int, int], ...] = ()
    """From, to."""

    def words(self) -> str:
        """`512 for 32760`; empty: it is the model's own."""
        return ", ".join(f"{short} for {long}" for long, short in self.lengths)


def shrunk(call: Call, dtype: str, most: Most) -> Shrunk:
    """The call, as small as it has to be. What cannot be made smaller stays as it is."""
    was: dict[int, int] = {}
    result = asked(call, dtype)
    while result is not None and _cost(call, dtype, result, most) > 1:
        step = _step(call, dtype, result)
        if step is None:
            break
        long, call, result = step
        was[long // 2] = was.pop(long, long)
    return Shrunk(call=call, lengths=tuple((long, short) for short, long in sorted(was.items())))


def _step(call: Call, dtype: str, result: Any) -> tuple[int, Call, Any] | None:
    """Halve the best length; None: none can be."""
    before = _shapes(result)
    summed = None
    for length in sorted(set(_lengths(call)), reverse=True):
        if length // 2 < SHORTEST:
            break
        smaller = _with(call, length, length // 2)
        looks = asked(smaller, dtype)
        if looks is None:
            continue
        if _shapes(looks) != before:
            return length, smaller, looks
        summed = summed or (length, smaller, looks)
    return summed


def _shapes(result: Any) -> list[tuple[int, ...]]:
    return [tuple(each.shape) for each in tensors_in(result)]


def asked(call: Call, dtype: str) -> Any:
    """What torch says the result looks like, on the meta device; None: it does not take it so, or cannot say."""
    case = meta_of(call, dtype)
    if not list(tensors_in((*case.arguments, *case.keywords.values()))):
        return None  # it makes its result from nothing
    try:
        with torch.no_grad():
            return overload_of(call.operator)(*case.arguments, **case.keywords)
    except (RuntimeError, ValueError, IndexError, TypeError, NotImplementedError):  # each operator has its own words
        return None


def _cost(call: Call, dtype: str, result: Any, most: Most) -> float:
    case = meta_of(call, dtype)
    flops = flops_of(overload_of(call.operator), case.arguments, case.keywords, result)
    given = tensors_in((*case.arguments, *case.keywords.values(), result))
    return max(flops / most.flops, sum(each.numel() for each in given) / most.numbers)


def _lengths(value: Any) -> Iterator[int]:
    match value:
        case Call():
            yield from _lengths((value.arguments, tuple(value.keywords.values())))
        case Tensor():
            yield from value.shape
        case tuple():
            for each in value:
                yield from _lengths(each)


def _with(call: Call, old: int, new: int) -> Call:
    arguments = _exchanged(call.arguments, old, new)
    if "upsample" in call.operator:
        arguments = _enlarged(arguments)
    keywords = {name: _exchanged(value, old, new) for name, value in call.keywords.items()}
    return replace(call, arguments=arguments, keywords=keywords)


def _enlarged(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """A picture that is made larger: by how much, and to what, has to stay of one mind."""
    picture, _, *scales = arguments
    if not scales or not all(isinstance(each, float) for each in scales):
        return arguments
    return picture, tuple(int(a * b) for a, b in zip(picture.shape[2:], scales, strict=True)), *scales


def _exchanged(value: Any, old: int, new: int) -> Any:
    if isinstance(value, Tensor):
        shape = tuple(new if length == old else length for length in value.shape)
        return replace(value, shape=shape, stride=_strides(value, shape))
    if isinstance(value, tuple):
        return tuple(_exchanged(each, old, new) for each in value)
    return new if isinstance(value, int) and not isinstance(value, bool) and value == old else value


def _strides(tensor: Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Dense ones in the same order of dimensions; what was repeated (stride 0) stays so."""
    if not tensor.stride:
        return ()
    strides, step = [0] * len(shape), 1
    for dim in sorted(range(len(shape)), key=lambda each: (tensor.stride[each], tensor.shape[each])):
        if tensor.stride[dim]:
            strides[dim], step = step, step * shape[dim]
    return tuple(strides)
