"""Makes the arguments of a call: fresh random numbers of its shapes, strides and number types, such as make sense."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from tenku.accel.inventory.model import DTYPE, Call, Tensor

TILE = 1 << 20
"""Random numbers in a piece that is repeated where only time is asked for."""
POSITIVE = frozenset({"rsqrt", "sqrt", "log", "log2", "log1p", "pow"})
"""They have no result for less than nothing; `pow` has none where its exponent is a fraction."""
POSITIVE_AT = frozenset({("div", (1,)), ("_scaled_mm", (2,)), ("_scaled_mm", (3,))})
"""Divisors and scales: a result is not to be all about the one number that was next to nothing."""
ANGLES = frozenset({"sin", "cos"})
TURNS = 30.0
"""Angles of positions go round many times, which is where quick sines of devices are off."""
_MASKED = 0.1
"""That share of an attention's mask hides."""
_WHOLE = 100
"""Whole numbers are below that where nothing says otherwise."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A call's arguments as tensors of the processor and what else torch takes."""

    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]


def case_of(call: Call, dtype: str, *, seed: int, tiled: bool = False) -> Case:
    """The arguments of a call in this number type.

    `tiled`: large tensors repeat a piece of random numbers, which is quick to make; for time, not for errors.
    """
    made = _Making(call, getattr(torch, dtype), seed=seed, tiled=tiled)
    arguments = tuple(made.value(each, (place,)) for place, each in enumerate(call.arguments))
    return Case(arguments=arguments, keywords={name: made.value(each, (name,)) for name, each in call.keywords.items()})


def meta_of(call: Call, dtype: str) -> Case:
    """The same on the meta device: shapes without numbers, and without memory."""
    keywords = {name: _meta(each, dtype) for name, each in call.keywords.items()}
    return Case(arguments=tuple(_meta(each, dtype) for each in call.arguments), keywords=keywords)


def meta_results(call: Call, dtype: str) -> list[torch.Tensor]:
    """Its results on the meta device, as the inventory has them."""
    return [_meta(each, dtype) for each in call.results]


def poison(shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    """What no operator gives by itself: NaN, or a conspicuous number where there is none."""
    if dtype == torch.bool:
        return torch.ones(tuple(shape), dtype=dtype)
    if dtype.is_floating_point or dtype.is_complex:
        return torch.full(tuple(shape), math.nan).to(dtype)
    return torch.full(tuple(shape), torch.iinfo(dtype).max // 3, dtype=dtype)


def short_name(operator: str) -> str:
    """`addmm` of `aten.addmm.default`."""
    return operator.split(".")[1]


class _Making:
    """Makes the arguments of one call."""

    def __init__(self, call: Call, dtype: torch.dtype, *, seed: int, tiled: bool) -> None:
        self._call, self._dtype, self._tiled = call, dtype, tiled
        self._name = short_name(call.operator)
        self._random = torch.Generator().manual_seed(seed)

    def value(self, value: Any, place: tuple[int | str, ...]) -> Any:
        """What stands at a place: the argument's number or name, then the number within a list."""
        if isinstance(value, Tensor):
            return self._tensor(value, place)
        if isinstance(value, tuple):
            return [self.value(each, (*place, number)) for number, each in enumerate(value)]
        return _plain(value, self._dtype)

    def _tensor(self, looks: Tensor, place: tuple[int | str, ...]) -> torch.Tensor:
        dtype = self._dtype if looks.dtype == DTYPE else getattr(torch, looks.dtype)
        numbers = self._numbers(span(looks), dtype, place)
        made = numbers.view(looks.shape) if not looks.stride else numbers.as_strided(looks.shape, looks.stride)
        if self._is_mask(place):
            made[..., 0] = True if dtype == torch.bool else 0  # every row looks at something
        return made

    def _numbers(self, count: int, dtype: torch.dtype, place: tuple[int | str, ...]) -> torch.Tensor:
        if self._tiled and count > TILE:
            return self._numbers(TILE, dtype, place).repeat(-(-count // TILE))[:count]
        if dtype == torch.bool:
            return self._share(count) >= (_MASKED if self._is_mask(place) else 0.5)
        if dtype.is_complex:
            return torch.complex(self._normal(count), self._normal(count)).to(dtype)
        if dtype.is_floating_point:
            return self._floats(count, dtype, place)
        if self._name == "sort":  # equal ones may come in any order
            return torch.randperm(count, generator=self._random).to(dtype)
        lowest, most = self._range(place)
        return torch.randint(lowest, most, (count,), generator=self._random).to(dtype)

    def _floats(self, count: int, dtype: torch.dtype, place: tuple[int | str, ...]) -> torch.Tensor:
        numbers = self._normal(count)
        if self._name in POSITIVE or (self._name, place) in POSITIVE_AT:
            numbers = numbers.abs() + 0.5
        if self._name in ANGLES:
            numbers *= TURNS
        numbers = numbers.to(dtype)
        if self._is_mask(place):
            numbers[self._share(count) < _MASKED] = torch.finfo(dtype).min
        return numbers

    def _range(self, place: tuple[int | str, ...]) -> tuple[int, int]:
        """Whole numbers from the first, below the second: indices lie within what they are for."""
        first: Any = self._call.arguments[0] if self._call.arguments else None
        match self._name, place:
            case "embedding", (1,):
                return 0, first.shape[0]
            case (("index" | "index_put" | "index_put_" | "_unsafe_index"), (1, int(dim))):
                return 0, first.shape[dim]
            case (("gather" | "scatter" | "index_select" | "index_copy" | "index_add"), (2,)):
                return 0, first.shape[self._call.arguments[1]]
            case (("div" | "remainder" | "floor_divide" | "log"), _):
                return 1, _WHOLE
        return 0, _WHOLE

    def _is_mask(self, place: tuple[int | str, ...]) -> bool:
        return self._name == "scaled_dot_product_attention" and place in ((3,), ("attn_mask",))

    def _normal(self, count: int) -> torch.Tensor:
        return torch.randn(count, generator=self._random)

    def _share(self, count: int) -> torch.Tensor:
        return torch.rand(count, generator=self._random)


def span(looks: Tensor) -> int:
    """Numbers in memory from a tensor's first to its last."""
    if not looks.stride:
        return math.prod(looks.shape)
    if 0 in looks.shape:
        return 0
    return 1 + sum((length - 1) * step for length, step in zip(looks.shape, looks.stride, strict=True))


def _plain(value: Any, dtype: torch.dtype) -> Any:
    match value:
        case {"dtype": name}:
            return dtype if name == DTYPE else getattr(torch, str(name))
        case {"memory_format": name}:
            return getattr(torch, str(name))
        case {"limit": "lowest" | "highest" as end}:
            return torch.finfo(dtype).min if end == "lowest" else torch.finfo(dtype).max
    return value


def _meta(value: Any, dtype: str) -> Any:
    if isinstance(value, Tensor):
        kind = getattr(torch, dtype if value.dtype == DTYPE else value.dtype)
        if not value.stride:
            return torch.empty(value.shape, dtype=kind, device="meta")
        return torch.empty_strided(value.shape, value.stride, dtype=kind, device="meta")
    if isinstance(value, tuple):
        return [_meta(each, dtype) for each in value]
    return _plain(value, getattr(torch, dtype))
