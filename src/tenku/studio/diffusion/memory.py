"""The most memory that a piece of work took, for the estimates and reports of jobs."""

from types import TracebackType

from tenku.accel.devices import Device
from tenku.accel.torchdevice import peak, reset_peak


class PeakMemory:
    """Measures a block: `bytes` is the most that was taken of the device; on the processor, of the whole process."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self.bytes = 0

    def __enter__(self) -> "PeakMemory":
        reset_peak(self._device)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bytes = peak(self._device)
