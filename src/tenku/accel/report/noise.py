"""How much two measurements of the same thing differ by chance (pure)."""

from dataclasses import dataclass
from typing import ClassVar

from tenku.accel.devices import PROCESSOR
from tenku.accel.report.model import Report

ROUNDING = {
    "float64": 2.0**-53,
    "float32": 2.0**-24,
    "float16": 2.0**-11,
    "bfloat16": 2.0**-8,
    "float8_e4m3fn": 2.0**-4,
    "float8_e5m2": 2.0**-3,
}
"""The largest relative error of rounding one number."""


@dataclass(frozen=True, kw_only=True)
class Noise:
    """From where on a change is one."""

    times: float
    """Of two times or rates: the larger by the smaller."""
    why: str

    LEAST_S: ClassVar[float] = 3e-6
    """Events of devices tick in half a microsecond, and starting a call varies by some of them."""
    ERROR_TIMES: ClassVar[float] = 1.5
    """Inputs are drawn anew each time: errors of the same code differ by a tenth or three, and another way of adding
    up by a factor of two or more."""
    ERROR_LEAST: ClassVar[float] = 0.1
    """Of one rounding: smaller errors say how lucky the inputs were."""
    FELT: ClassVar[float] = 0.001
    """Of the job's time: less than that is no change, as hundreds of calls are compared and some differ by chance."""

    def slower(self, before: float, after: float) -> bool:
        """Whether one time is longer than another by more than chance."""
        return after > before * self.times and after - before > self.LEAST_S

    def lower(self, before: float, after: float) -> bool:
        """Whether a rate went down by more than chance."""
        return after * self.times < before

    def less_exact(self, before: float, after: float, dtype: str) -> bool:
        """Whether an error grew by more than chance."""
        if after != after or before != before:
            return after != after and before == before
        least = self.ERROR_LEAST * ROUNDING.get(dtype, 0.0)
        return max(after, least) > self.ERROR_TIMES * max(before, least)


def noise_of(before: Report, after: Report) -> Noise:
    """The processor is shared with everything else on the machine; an accelerator measures by its own clock."""
    if PROCESSOR in (before.device.kind, after.device.kind):
        return Noise(times=1.3, why="on a processor, which others use as well, times differ by up to a quarter")
    return Noise(
        times=1.1, why="the same work on the same device differs by a few percent, as its clock rises and falls"
    )
