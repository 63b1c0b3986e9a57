"""What a speech model is to those who use it, whatever computes in it."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

RATE = 24_000
"""Samples a second of all of Kokoro's models."""
Sound = npt.NDArray[np.float32]
"""One channel: (n,), from -1 to 1."""


class SpeechModel(Protocol):
    """Turns phonemes into sound."""

    @property
    def voices(self) -> Sequence[str]:
        """Their names; the usual one first."""

    def speak(self, phonemes: str, *, voice: str, speed: float, seed: int, stop: Callable[[], bool]) -> Sound:
        """At most 500 phonemes as sound, with some silence around it.

        Raises:
            CancelledJob: `stop` said so.
            JobError: it cannot be computed.
        """
