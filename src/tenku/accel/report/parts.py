"""How far off each operator of a module is by itself, and how long it takes: what a whole block is compared with."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from tenku.accel.chip import Chip
from tenku.accel.report.whole import Whole
from tenku.accel.report.wide import error_of, results_of, wide

_NOTHING = frozenset(
    {
        "empty",
        "empty_like",
        "empty_strided",
        "new_empty",
        "new_empty_strided",
        "detach",
        "alias",
        "lift_fresh",
        "_unsafe_view",
    }
)
"""They give room or another look: there is nothing to be right or wrong about."""


class Parts:
    """What was learnt of the operators that ran, one after the other."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.errors: list[tuple[str, float]] = []
        self._known: dict[str, tuple[float, float | None]] = {}
        """Seconds and error, by operator and looks of what it was given."""

    @property
    def error(self) -> float:
        """What they come to if they are independent of each other. NaN where one of them is."""
        return math.sqrt(sum(error**2 for _, error in self.errors))

    @property
    def worst(self) -> tuple[str, float]:
        """The operator that is furthest off, and how far."""
        return max(self.errors, key=lambda each: math.inf if math.isnan(each[1]) else each[1], default=("", 0.0))

    def uninteresting(self, operator: Any) -> bool:
        """Whether it only looks at memory in another way."""
        return operator.is_view or operator.overloadpacket.__name__ in _NOTHING

    def counted(self, operator: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> bool:
        """Whether it is counted with what is known: blocks do the same thing many times, and it is measured once."""
        known = self._known.get(_key(operator, arguments, keywords))
        if known is not None:
            self._count(str(operator), *known)
        return known is not None

    def add(
        self, operator: Any, arguments: Sequence[Any], keywords: Mapping[str, Any], result: torch.Tensor, seconds: float
    ) -> None:
        """One operator with what it was given and gave, on the processor; of several results, the first."""
        error = None
        if result.is_floating_point() or result.is_complex():
            error = error_of([result], [self._right(operator, arguments, keywords)])
        self._known[_key(operator, arguments, keywords)] = seconds, error
        self._count(str(operator), seconds, error)

    def _count(self, operator: str, seconds: float, error: float | None) -> None:
        self.seconds += seconds
        if error is not None:
            self.errors.append((operator, error))

    def _right(self, operator: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> torch.Tensor:
        return results_of(operator(*tree_map(wide, tuple(arguments)), **tree_map(wide, dict(keywords))))[0]


class OneByOne(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Runs every operator of a device that torch knows by itself: timed, waited for, and compared."""

    def __init__(self, chip: Chip, device: torch.device, parts: Parts) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._chip, self._device, self._parts = chip, device, parts

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run modules within."""
        with torch.no_grad(), self, Whole(self._whole):
            yield

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return self._do(func, args, kwargs or {})

    def _whole(self, operator: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        with torch.utils._python_dispatch._disable_current_modes():
            return self._do(operator, arguments, keywords)

    def _do(self, operator: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        if self._parts.uninteresting(operator) or self._only_brings(arguments):
            return operator(*arguments, **keywords)
        if self._parts.counted(operator, arguments, keywords):
            return operator(*arguments, **keywords)
        given, named = tree_map(_copied, (tuple(arguments), {**keywords}))
        made: list[Any] = []
        seconds = self._chip.seconds(lambda: made.append(operator(*arguments, **keywords)))
        found = results_of(made[0])
        if found and found[0].device.type == self._device.type:
            self._parts.add(operator, given, named, found[0].cpu(), seconds)
        return made[0]

    def _only_brings(self, arguments: Sequence[Any]) -> bool:
        """Whether it works on the processor's memory for another device."""
        return any(each.device.type != self._device.type for each in results_of(arguments) if each.dim())


def _key(operator: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> str:
    return f"{operator}{tree_map(_looks, (tuple(arguments), {**keywords}))!r}"


def _looks(leaf: Any) -> Any:
    # Without strides: a copy on the processor need not have those of the device.
    return (
        (tuple(leaf.shape), leaf.dtype)
        if isinstance(leaf, torch.Tensor)
        else None
        if isinstance(leaf, torch.device)
        else leaf
    )


def _copied(leaf: Any) -> Any:
    """On the processor, and safe from being written to."""
    if isinstance(leaf, torch.Tensor):
        return leaf.detach().to("cpu", copy=True)
    return torch.device("cpu") if isinstance(leaf, torch.device) else leaf
