"""Sound as numbers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Samples:
    """A piece of sound.

    Args:
        data: float32, (n, channels), from -1 to 1.
        rate: samples a second.
    """

    data: npt.NDArray[np.float32]
    rate: int

    @property
    def channels(self) -> int:
        """How many."""
        return int(self.data.shape[1])

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.data) / self.rate
