"""Hibari's voices: networks of 8 MB, each taught by one voice of Kokoro, and a hundred times as fast."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from hibari import dsp

from tenku.base.errors import CancelledJob, JobError
from tenku.studio.speech.alphabet import EDGE, numbers_of
from tenku.studio.speech.session import Array, Session
from tenku.studio.speech.spoken import Sound

INPUTS = {"ids", "speed"}
PARTS = ("lh", "theta", "ln", "lr", "phi", "f0")
"""What the network gives: the parts of a spectrum, out of which the library makes a wave."""


def is_hibari(inputs: Mapping[str, str]) -> bool:
    """Whether a network with these inputs is one of Hibari's."""
    return set(inputs) == INPUTS


class Hibari:
    """Implements `SpeechModel`. The seed is that of the noise in breath and hisses."""

    def __init__(self, session: Session, voice: str) -> None:
        self._session = session
        self._voice = voice

    @property
    def voices(self) -> Sequence[str]:
        """See `SpeechModel`."""
        return [self._voice]

    def speak(self, phonemes: str, *, voice: str, speed: float, seed: int, stop: Callable[[], bool]) -> Sound:  # noqa: ARG002
        """See `SpeechModel`."""
        given: dict[str, Array] = {
            "ids": np.array([[EDGE, *numbers_of(phonemes), EDGE]], np.int64),
            "speed": np.array([speed], np.float32),
        }
        parts = self._session.run_all(given, stop=stop)
        if len(parts) != len(PARTS) or not all(np.isfinite(each).all() for each in parts):
            raise JobError("The model gave numbers that are none (NaN).", hint="Bring its weights again.")
        if stop():
            raise CancelledJob("The job was ended.")
        return np.asarray(dsp.synth(*(each[0] for each in parts), np.random.default_rng(seed)), np.float32)
