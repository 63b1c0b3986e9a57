"""What a device has to do so that a report can be made of it; a third-party package brings one by an entry point.

An entry point of the group `tenku.devices` names a `Maker`: it is called without arguments, and gives the devices that
are on this machine now. `examples/simulated_chip/` is a whole package.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from tenku.accel.devices import Device

ENTRY_POINTS = "tenku.devices"


class MissingOperatorError(Exception):
    """The device does not have this operator."""


class Chip(Protocol):
    """One device. Values are whatever it likes to hand out; tensors on the processor go in and come out."""

    device: Device
    driver: str
    """Its driver's or runtime's version, empty where there is none."""

    def dtypes(self) -> Sequence[str]:
        """Number types that it has, as torch calls them: `float32`, `bfloat16`, `float8_e4m3fn`."""

    def put(self, tensor: Any) -> Any:
        """A torch tensor of the processor as a value of this device. Raises MemoryError."""

    def get(self, value: Any) -> Any:
        """A value of this device as a torch tensor of the processor, waiting for all that was begun."""

    def call(self, operator: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """Begin an operator on values of this device (`aten.addmm.default`), and hand out its result or results.

        Raises MissingOperatorError, MemoryError, or whatever the device says.
        """

    def seconds(self, work: Callable[[], object]) -> float:
        """Device time that `work` takes, by the device's own clock."""

    def fallbacks(self, work: Callable[[], object]) -> frozenset[str]:
        """Operators that the processor did in place of the device while `work` ran, as the device itself shows it."""

    def free(self) -> int:
        """Bytes of its memory that nobody uses now."""

    def close(self) -> None:
        """Give everything back."""


Maker = Callable[[], Sequence[Chip]]
