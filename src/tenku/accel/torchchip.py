"""A device that torch knows, of any kind, as a `Chip`: CUDA and ROCm, XPU, NPU, MUSA, MPS, and the processor itself."""

import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from tenku.accel.chip import MissingOperatorError
from tenku.accel.devices import MPS, Device, again
from tenku.accel.drivers import driver_of
from tenku.accel.torchdevice import CPU, torch_device

DTYPES = ("float32", "bfloat16", "float16", "float8_e4m3fn", "float8_e5m2", "float64")
"""Number types that a model may compute in, and the one that references use."""
_WARNING = re.compile(r"operator '?(?P<name>aten::[\w.]+)'?.{0,200}\bCPU\b", re.DOTALL | re.IGNORECASE)
"""What MPS and others warn of when the processor takes over."""
_BROUGHT = "aten::_to_cpu"
"""What torch's fall-back for all devices (`at::native::cpu_fallback`) does first, within the operator that it replaces:
it brings the tensors to the processor. Nothing else in torch calls it."""
_SCALED_BLOCK = 16
"""Products of fp8 exist for multiples of this."""


class TorchChip:
    """One device of torch's."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.driver = driver_of(torch, device)
        self._torch = torch_device(device)
        self._backend: Any = None if device.kind == CPU else getattr(torch, device.kind)
        self._strays: set[str] = set()
        """Operators whose result lay on the processor although all that went in lay here."""

    def dtypes(self) -> Sequence[str]:
        """Number types that it can hold and multiply, found by trying."""
        return [name for name in DTYPES if hasattr(torch, name) and self._multiplies(getattr(torch, name))]

    def put(self, tensor: torch.Tensor) -> torch.Tensor:
        """A tensor of the processor on the device, with the strides that it has. Raises MemoryError."""
        with _memory_told():
            if tensor.is_contiguous() or tensor.numel() == 0:
                return tensor.to(self._torch, copy=True)
            # Copying by itself keeps only the strides of what has neither gaps nor repetitions.
            bottom = torch.as_strided(tensor, (_span(tensor),), (1,), tensor.storage_offset())
            return bottom.to(self._torch, copy=True).as_strided(tensor.shape, tensor.stride())

    def get(self, value: torch.Tensor) -> torch.Tensor:
        """A copy on the processor."""
        with _memory_told():
            self._wait()
            return value.detach().to(CPU, copy=True)

    def call(self, operator: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """Begin an operator of torch's. Raises MissingOperatorError, MemoryError, or what the device says."""
        overload = overload_of(operator)
        named = dict(keywords)
        inputs = list(_tensors((arguments, tuple(named.values()))))
        if not inputs and any(each.name == "device" for each in overload._schema.arguments):
            named["device"] = self._torch
        try:
            with _memory_told(), torch.no_grad():
                result = overload(*arguments, **named)
        except NotImplementedError as error:
            raise MissingOperatorError(str(error)) from error
        if self._backend is not None and any(each.device.type == CPU for each in _tensors(result)):
            self._strays.add(operator)
        return result

    def seconds(self, work: Callable[[], object]) -> float:
        """Between two events of the device; by the processor's clock where it has none."""
        with _memory_told():
            begin, end = self._event(), self._event()
            self._wait()
            start = time.perf_counter()
            if begin is None or end is None:
                work()
                self._wait()
                return time.perf_counter() - start
            begin.record()
            work()
            end.record()
            end.synchronize()
            return float(begin.elapsed_time(end)) / 1000

    def fallbacks(self, work: Callable[[], object]) -> frozenset[str]:
        """Operators within which torch brought tensors to the processor, or of which the vendor's package warned."""
        if self._backend is None:
            work()
            return frozenset()
        self._strays.clear()

        def whole() -> None:
            work()
            self._wait()

        return frozenset(brought_back(whole) | self._strays)

    def free(self) -> int:
        """What the system says is free, and what torch holds without using it."""
        kept = 0
        if hasattr(self._backend, "memory_reserved"):
            kept = self._backend.memory_reserved(self.device.index) - self._backend.memory_allocated(self.device.index)
        return again(self.device).free + max(0, kept)

    def close(self) -> None:
        """Give back what torch holds for later."""
        empty = getattr(self._backend, "empty_cache", None)
        if empty is not None:
            empty()

    def _wait(self) -> None:
        if self._backend is not None:
            self._backend.synchronize()

    def _event(self) -> Any:
        if self._backend is None:
            return None
        if self.device.kind == MPS:  # its events are no `torch.Event`
            return self._backend.event.Event(enable_timing=True)
        try:
            return torch.Event(self._torch, enable_timing=True)
        except (RuntimeError, NotImplementedError, TypeError):  # a vendor's package without them
            return None

    def _multiplies(self, dtype: torch.dtype) -> bool:
        try:
            numbers = torch.ones(_SCALED_BLOCK, _SCALED_BLOCK).to(dtype).to(self._torch)
            if dtype.itemsize == 1:
                one = torch.ones((), device=self._torch)
                right = numbers if dtype == torch.float8_e4m3fn else numbers.to(torch.float8_e4m3fn)
                product = torch._scaled_mm(numbers, right.t(), one, one, out_dtype=torch.bfloat16)
            else:
                product = numbers @ numbers
            return bool((product.to(torch.float32).cpu() == _SCALED_BLOCK).all())
        except (RuntimeError, TypeError, ValueError, NotImplementedError):  # that is how devices say that they cannot
            return False


def overload_of(operator: str) -> Any:
    """Torch's operator of a name such as `aten.addmm.default`. Raises MissingOperatorError."""
    space, _, rest = operator.partition(".")
    name, _, overload = rest.partition(".")
    try:
        return getattr(getattr(getattr(torch.ops, space), name), overload)
    except AttributeError:
        raise MissingOperatorError(f"Torch {torch.__version__} has no operator {operator}.") from None


def brought_back(work: Callable[[], object]) -> set[str]:
    """Operators for which torch brought tensors to the processor while `work` ran, or of which it was warned."""
    with (
        warnings.catch_warnings(record=True) as told,
        _always_warning(),
        profile(activities=[ProfilerActivity.CPU], acc_events=True) as kept,
    ):
        work()
    seen = [each for each in kept.events() or () if each.name == _BROUGHT]
    warned = (_WARNING.search(str(each.message)) for each in told)
    return {each.cpu_parent.name if each.cpu_parent else each.name for each in seen} | {
        found["name"] for found in warned if found
    }


@contextmanager
def _always_warning() -> Iterator[None]:
    """Torch warns once in a process by itself, and then of the first operator only."""
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    warnings.simplefilter("always")
    try:
        yield
    finally:
        torch.set_warn_always(before)


@contextmanager
def _memory_told() -> Iterator[None]:
    """Torch's many ways to say that memory ran out, as MemoryError."""
    try:
        yield
    except RuntimeError as error:
        words = str(error).lower()
        if isinstance(error, torch.OutOfMemoryError) or any(each in words for each in _NO_MEMORY):
            raise MemoryError(str(error)) from error
        raise


_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate", "failed to allocate")


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _tensors(each)


def _span(tensor: torch.Tensor) -> int:
    """Elements from its first to its last."""
    return 1 + sum((length - 1) * step for length, step in zip(tensor.shape, tensor.stride(), strict=True))
