"""Runs a module on a device that torch does not know: each of its operators is asked of the chip, one by one.

A `Carried` looks like a tensor of the processor to the module, and holds a value of the chip. Values stay on the chip
from operator to operator; what the module makes out of nothing (tables of places, masks) is made on the processor and
brought there when it first meets a value of the chip.

Nobody says whether a chip's values share memory, as torch's views do. So who shares with whom is followed here, on the
meta device: after an operator that writes into its argument, views of the same memory are taken anew.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map

from tenku.accel.chip import Chip
from tenku.accel.inventory.recorder import SHAPES
from tenku.accel.report.parts import Parts
from tenku.accel.report.whole import Whole

_ASKED = torch.ops.aten._local_scalar_dense.default
_UNTOLD = ("device", "layout", "pin_memory")
"""Keywords that are the device's own business."""


@dataclass(eq=False)
class Memory:
    """What several tensors share: one of them is all of it, the others are views."""

    look: torch.Tensor
    """The whole of it, on the meta device."""
    value: Any
    """The whole of it, on the chip."""
    written: int = 0
    """How often."""


class Carried(torch.Tensor):
    """A tensor whose numbers are on a chip."""

    carrier: "Carrier"
    look: torch.Tensor
    memory: Memory
    value: Any
    as_of: int
    again: Callable[[], Any] | None

    @staticmethod
    def __new__(
        cls, carrier: "Carrier", look: torch.Tensor, value: Any, memory: Memory, again: Callable[[], Any] | None
    ) -> "Carried":
        """`again`: takes the view anew; None: it is the whole memory."""
        made: Carried = torch.Tensor._make_wrapper_subclass(
            cls,
            look.size(),
            strides=look.stride(),
            storage_offset=look.storage_offset(),
            dtype=look.dtype,
            device=torch.device("cpu"),
        )
        made.carrier, made.look, made.value, made.memory = carrier, look, value, memory
        made.as_of, made.again = memory.written, again
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        first = next(leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Carried))
        return first.carrier.do(func, args, kwargs or {})

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"Carried({tuple(self.shape)}, {self.dtype})"


class Carrier:
    """Brings tensors to a chip and back, and has operators done there."""

    def __init__(self, chip: Chip) -> None:
        self._chip = chip
        self._parts: Parts | None = None

    def carried(self, tensor: torch.Tensor) -> Carried:
        """A tensor of the processor, on the chip."""
        look = torch.empty_strided(tensor.size(), tensor.stride(), dtype=tensor.dtype, device="meta")
        return self._whole_of(look, self._chip.put(tensor.detach()))

    def fetched(self, tensor: torch.Tensor) -> torch.Tensor:
        """A tensor on the processor again."""
        return self._chip.get(_value(tensor)) if isinstance(tensor, Carried) else tensor

    @contextmanager
    def whole_operators(self, parts: Parts | None = None) -> Iterator[None]:
        """Run modules within; `parts` learns of every operator on its own."""
        self._parts = parts
        try:
            with torch.no_grad(), Whole(self.do, only=Carried):
                yield
        finally:
            self._parts = None

    def do(self, operator: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """Have one operator done by the chip. Raises what the chip raises."""
        if operator is _ASKED:
            return self.fetched(arguments[0]).item()
        if torch.Tag.inplace_view in operator.tags:
            raise NotImplementedError(f"{operator} changes the look of its argument, which cannot be followed")
        kept = {name: each for name, each in keywords.items() if name not in _UNTOLD}
        given, named = tree_map(self._brought, (tuple(arguments), kept))
        looks = self._looks(operator, given, named)
        values = self._called(operator, given, named)
        written = _written(operator, given, named)
        if written is not None:
            self._write(written, values[0])
            return written
        return self._wrapped(operator, given, named, looks, values)

    def _brought(self, leaf: Any) -> Any:
        return self.carried(leaf) if isinstance(leaf, torch.Tensor) and not isinstance(leaf, Carried) else leaf

    def _looks(self, operator: Any, given: Any, named: Any) -> Any:
        """What comes out, on the meta device, where torch says who shares memory with whom."""
        with _disable_current_modes():
            return SHAPES.get(operator, operator)(*tree_map(_look, given), **tree_map(_look, named))

    def _called(self, operator: Any, given: Any, named: Any) -> list[Any]:
        """The values that come out."""
        if self._parts is None or self._parts.uninteresting(operator) or self._parts.counted(operator, given, named):
            return _listed(self._chip.call(str(operator), tree_map(_value, given), tree_map(_value, named)))
        arguments, keywords = tree_map(self.fetched, (given, named))
        made: list[Any] = []
        seconds = self._chip.seconds(
            lambda: made.extend(
                _listed(self._chip.call(str(operator), tree_map(_value, given), tree_map(_value, named)))
            )
        )
        self._parts.add(operator, arguments, keywords, self._chip.get(made[0]), seconds)
        return made

    def _wrapped(self, operator: Any, given: Any, named: Any, looks: Any, values: list[Any]) -> Any:
        inputs = [leaf for leaf in tree_leaves((given, named)) if isinstance(leaf, Carried)]
        made: list[Carried] = []
        for at, look in enumerate(tree_leaves(looks)):
            shared = next((each for each in inputs if _same_memory(each.look, look)), None)
            if shared is None:
                made.append(self._whole_of(look, values[at]))
            elif shared.look is look:
                made.append(shared)
            else:
                again = self._again(operator, given, named, at)
                made.append(Carried(self, look, values[at], shared.memory, again))
        return made[0] if isinstance(looks, torch.Tensor) else type(looks)(made)

    def _again(self, operator: Any, given: Any, named: Any, at: int) -> Callable[[], Any]:
        return lambda: _listed(self._chip.call(str(operator), tree_map(_value, given), tree_map(_value, named)))[at]

    def _whole_of(self, look: torch.Tensor, value: Any) -> Carried:
        return Carried(self, look, value, Memory(look, value), None)

    def _write(self, tensor: Carried, value: Any) -> None:
        """An operator wrote into its argument: so into all that share its memory."""
        memory = tensor.memory
        if tensor.again is None:
            memory.value = value
        else:
            memory.value = self._chip.put(self._with(memory, tensor, value))
        memory.written += 1
        tensor.value, tensor.as_of = value, memory.written

    def _with(self, memory: Memory, tensor: Carried, value: Any) -> torch.Tensor:
        """The whole memory, with a view of it changed. The processor does it: no chip has an operator for that."""
        if tensor.dtype != memory.look.dtype:
            raise NotImplementedError("writing into a view of another number type cannot be followed")
        whole = torch.empty_strided(memory.look.size(), memory.look.stride(), dtype=memory.look.dtype)
        whole.copy_(self._chip.get(memory.value))
        offset = tensor.look.storage_offset() - memory.look.storage_offset()
        whole.as_strided(tensor.look.size(), tensor.look.stride(), offset).copy_(self._chip.get(value))
        return whole


def carry_module(carrier: Carrier, module: nn.Module) -> nn.Module:
    """Put a module's weights on the chip, in place. Tables that it computes with stay where they are made."""
    for part in module.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None:
                part._parameters[name] = nn.Parameter(carrier.carried(parameter), requires_grad=False)
    return module


def _value(leaf: Any) -> Any:
    """The chip's value of a tensor as it is now."""
    if isinstance(leaf, Carried) and leaf.as_of != leaf.memory.written:
        leaf.value = leaf.memory.value if leaf.again is None else leaf.again()
        leaf.as_of = leaf.memory.written
    return leaf.value if isinstance(leaf, Carried) else leaf


def _look(leaf: Any) -> Any:
    return leaf.look if isinstance(leaf, Carried) else leaf


def _listed(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple | list) else [result]


def _same_memory(one: torch.Tensor, other: torch.Tensor) -> bool:
    return bool(one.untyped_storage()._cdata == other.untyped_storage()._cdata)


def _written(operator: Any, given: Sequence[Any], named: Mapping[str, Any]) -> Carried | None:
    """The argument that an operator writes into."""
    for at, formal in enumerate(operator._schema.arguments):
        if formal.alias_info is not None and formal.alias_info.is_write:
            written = given[at] if at < len(given) else named[formal.name]
            assert isinstance(written, Carried)
            return written
    return None
