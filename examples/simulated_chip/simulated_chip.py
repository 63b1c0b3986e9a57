"""A chip that torch does not know, simulated on the processor: what a vendor copies to bring a device to Tenku.

`pyproject.toml` names `chips` as an entry point of the group `tenku.devices`. It gives the devices of this machine, and
each of them does what `tenku.accel.chip.Chip` says; there is nothing else to write. Tenku runs a chip in a process that
it can end: a device may hang or take that process with it, and may simply raise whatever its driver says.

This one has a memory, a clock and faults of its own. Its clock stands still but for what its operators would take, so
two runs give the same numbers; its faults are those of real devices. Environment variables change it for a trial:
`SIMULATED_CHIP_MEMORY` in bytes, `SIMULATED_CHIP_COUNT`, and lists of operators with commas between them in
`SIMULATED_CHIP_HANGS` and `SIMULATED_CHIP_CRASHES`.
"""

import os
import resource
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch.utils.flop_counter import flop_registry

from tenku.accel.chip import MissingOperatorError
from tenku.accel.devices import Device

T = TypeVar("T")

NAME, DRIVER = "Simulated chip", "1.4.0"
MEMORY = 8_000_000_000
COPY = 800e9
"""Bytes a second of its memory."""
LINK = 16e9
"""Bytes a second between it and the processor."""
LAUNCH = 4e-6
"""Seconds that the smallest operator takes."""
RATES = {torch.bfloat16: 160e12, torch.float16: 160e12, torch.float32: 20e12}
"""Number types that it has, and how many operations of a matrix product a second; there is no float64 and no fp8."""
PROCESSOR_RATE, PROCESSOR_COPY = 0.2e12, 20e9
"""The same of the processor, for what falls back to it."""


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What is wrong with it, by operator. A real device has no such list: these are what a report should find."""

    missing: frozenset[str] = frozenset(
        {"aten._upsample_nearest_exact2d.default", "aten.upsample_nearest2d.default", "aten.index_copy.default"}
    )
    imprecise: frozenset[str] = frozenset({"aten.silu.default"})
    """Keeps five bits of each number: about 1.2 % off, where bf16 by itself is 0.2 % off."""
    undefined: frozenset[str] = frozenset({"aten.rsqrt.default"})
    """Its first number is NaN."""
    unwritten: frozenset[str] = frozenset({"aten.cat.default"})
    """The last quarter of its result is what lay in that memory before."""
    slow: Mapping[str, float] = field(
        default_factory=lambda: {"aten.native_layer_norm.default": 40.0, "aten.mean.dim": 40.0}
    )
    """So many times as slow as its memory and its matrix units would let it be, however little there is to do."""
    fallbacks: frozenset[str] = frozenset({"aten.cos.default", "aten.sin.default", "aten.embedding.default"})
    """The processor does them: there, back, and slowly."""
    hangs: frozenset[str] = frozenset()
    crashes: frozenset[str] = frozenset()


def chips() -> list["SimulatedChip"]:
    """The devices of this machine: the entry point. It is to be quick, and gives an empty list where there are none."""
    faults = Faults(hangs=_listed("SIMULATED_CHIP_HANGS"), crashes=_listed("SIMULATED_CHIP_CRASHES"))
    memory = int(os.environ.get("SIMULATED_CHIP_MEMORY", MEMORY))
    count = int(os.environ.get("SIMULATED_CHIP_COUNT", 1))
    return [SimulatedChip(index, memory=memory, faults=faults) for index in range(count)]


class SimulatedChip:
    """One device, as `tenku.accel.chip.Chip` wants it."""

    driver = DRIVER
    """The driver's or runtime's version, as people know it; two reports are told apart by it."""

    def __init__(self, index: int = 0, *, memory: int = MEMORY, faults: Faults | None = None) -> None:
        self._index = index
        self._memory = Memory(memory)
        self._faults = faults or Faults()
        self._clock = 0.0
        self._fallen: set[str] = set()

    @property
    def device(self) -> Device:
        """What it is called and how much memory it has. `kind` is a word that is none of torch's."""
        return Device("sim", self._index, NAME, self._memory.size, self.free())

    def dtypes(self) -> Sequence[str]:
        """Number types that models may compute in."""
        return [str(each).removeprefix("torch.") for each in RATES]

    def put(self, tensor: torch.Tensor) -> "Value":
        """A tensor of the processor as a value of the device, with the strides that it has. Raises MemoryError."""
        self._clock += _size(tensor) / LINK
        span = 1 + sum((length - 1) * step for length, step in zip(tensor.shape, tensor.stride(), strict=True))
        room = tensor.as_strided((span,), (1,)).clone() if tensor.numel() else tensor.clone()
        value: Value = self._held(room.as_strided(tensor.shape, tensor.stride(), 0), {})
        return value

    def get(self, value: "Value") -> torch.Tensor:
        """A value as a tensor of the processor; a real device waits here for everything that it was told to do."""
        self._clock += _size(value.tensor) / LINK
        return value.tensor.clone()

    def call(self, operator: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """Do `aten.addmm.default`. Raises MissingOperatorError, MemoryError, or whatever the driver says."""
        if operator in self._faults.crashes:
            _crash()
        if operator in self._faults.hangs:
            _hang()
        overload = _overload(operator)
        if overload is None or operator in self._faults.missing:
            raise MissingOperatorError(f"{NAME} has no {operator}.")
        values = _leaves((arguments, keywords), Value)
        given, named = _mapped(tuple(arguments), _inside), _mapped(dict(keywords), _inside)
        result = self._spoilt(operator, _computed(overload, given, named))
        self._clock += self._takes(operator, overload, given, named, result)
        blocks = {value.tensor.untyped_storage().data_ptr(): value.block for value in values}
        return _mapped(result, lambda each: self._held(each, blocks, spoilt=operator in self._faults.unwritten))

    def seconds(self, work: Callable[[], object]) -> float:
        """What `work` takes by the device's own clock; a real device puts an event before it and one behind it."""
        before = self._clock
        work()
        return self._clock - before

    def fallbacks(self, work: Callable[[], object]) -> frozenset[str]:
        """What the processor did in place of the device; a real one reads its driver's log or counters."""
        self._fallen.clear()
        work()
        return frozenset(self._fallen)

    def free(self) -> int:
        """Bytes that nobody uses now."""
        return self._memory.size - self._memory.used

    def close(self) -> None:
        """Give back what is kept for later."""
        self._memory.left.clear()

    def _held(self, made: Any, blocks: Mapping[int, "Block"], *, spoilt: bool = False) -> Any:
        """A result in the device's memory: in that of an argument where it is a view of one, else in new memory."""
        if not isinstance(made, torch.Tensor):
            return made
        if made.dtype.is_floating_point and made.dtype not in RATES:
            raise TypeError(f"{NAME} has no numbers of the type {str(made.dtype).removeprefix('torch.')}.")
        block = blocks.get(made.untyped_storage().data_ptr())
        if block is None:
            block = Block(self._memory, made)
            if spoilt:
                block.show_what_lay_there()
        return Value(made, block)

    def _spoilt(self, operator: str, result: Any) -> Any:
        if operator in self._faults.imprecise:
            mantissa, exponent = torch.frexp(result.float())
            result.copy_(torch.ldexp((mantissa * 32).round() / 32, exponent))
        if operator in self._faults.undefined and result.numel():
            result[(0,) * result.ndim] = torch.nan
        return result

    def _takes(
        self, operator: str, overload: Any, given: tuple[Any, ...], named: Mapping[str, Any], made: Any
    ) -> float:
        """The roofline: as long as its arithmetic takes, or its memory, whichever is longer."""
        moved = 0 if overload.is_view else sum(_size(each) for each in _leaves((given, named, made), torch.Tensor))
        formula = flop_registry.get(overload.overloadpacket)
        flops = formula(*given, **named, out_val=made) if formula else 0
        if operator in self._faults.fallbacks:
            self._fallen.add(operator)
            return LAUNCH + moved / LINK + max(flops / PROCESSOR_RATE, moved / PROCESSOR_COPY)
        rate = min(
            (RATES[each.dtype] for each in _leaves(made, torch.Tensor) if each.dtype in RATES),
            default=RATES[torch.float32],
        )
        return (LAUNCH + max(flops / rate, moved / COPY)) * self._faults.slow.get(operator, 1.0)


@dataclass(frozen=True, eq=False)
class Value:
    """What the device hands out. Real ones hold an address, a shape, strides and a number type."""

    tensor: torch.Tensor
    block: "Block"


class Memory:
    """So many bytes, and what lay in those that were given back: memory is not cleared before it is used again."""

    KEPT = 256_000_000
    """Bytes of such memory that this simulation holds for it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.used = 0
        self.left: dict[int, torch.Tensor] = {}
        """What lay last in a block of so many bytes."""

    def take(self, size: int) -> torch.Tensor | None:
        """Use a block; what lay there. Raises MemoryError."""
        if self.used + size > self.size:
            raise MemoryError(f"{NAME}: {size} bytes were asked for, {self.size - self.used} of {self.size} are free.")
        self.used += size
        return self.left.pop(size, None)

    def give(self, content: torch.Tensor) -> None:
        """Give a block back."""
        self.used -= content.numel()
        self.left[content.numel()] = content
        while sum(self.left) > self.KEPT:
            self.left.pop(next(iter(self.left)))


class Block:
    """Bytes of the memory, from the first value in them to the last."""

    def __init__(self, memory: Memory, tensor: torch.Tensor) -> None:
        content = torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage())  # its bytes, no copy of them
        self._before = memory.take(content.numel())
        self._content, self._memory = content, memory

    def __del__(self) -> None:
        if hasattr(self, "_memory"):  # else the memory did not suffice
            self._memory.give(self._content)

    def show_what_lay_there(self) -> None:
        """The last quarter was never written."""
        start = self._content.numel() * 3 // 4
        self._content[start:] = 0 if self._before is None else self._before[start:]


def _overload(operator: str) -> Any:
    """Torch's own of that name, which simulates it; None: there is none."""
    space, _, rest = operator.partition(".")
    name, _, overload = rest.rpartition(".")
    return getattr(getattr(getattr(torch.ops, space, None), name, None), overload, None)


def _computed(overload: Any, given: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    try:
        return overload(*given, **named)
    except RuntimeError as error:
        if "allocate memory" in str(error):  # the processor, which simulates it, has less than it
            raise MemoryError(f"{NAME}: out of memory.") from None
        raise


def _inside(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        raise TypeError(f"A tensor of the processor was given to {NAME}: it has to be put there first.")
    if isinstance(value, Value):
        return value.tensor
    return torch.device("cpu") if isinstance(value, torch.device) else value


def _mapped(tree: Any, function: Callable[[Any], Any]) -> Any:
    """The same lists and dictionaries with every leaf exchanged."""
    if isinstance(tree, Mapping):
        return {key: _mapped(each, function) for key, each in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(_mapped(each, function) for each in tree)
    return function(tree)


def _leaves(tree: Any, kind: type[T]) -> list[T]:
    """All values of a kind, however deep they lie."""
    if isinstance(tree, Mapping):
        tree = list(tree.values())
    if isinstance(tree, list | tuple):
        return [leaf for each in tree for leaf in _leaves(each, kind)]
    return [tree] if isinstance(tree, kind) else []


def _size(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _listed(variable: str) -> frozenset[str]:
    return frozenset(filter(None, os.environ.get(variable, "").split(",")))


def _hang() -> None:
    while True:
        time.sleep(3600)


def _crash() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # nobody wants a file of its memory
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)
