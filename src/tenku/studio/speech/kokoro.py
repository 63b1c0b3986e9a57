"""Kokoro-82M in ONNX's form: one network, and a table of numbers for each voice."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tenku.base.errors import JobError
from tenku.studio.speech.alphabet import EDGE, numbers_of
from tenku.studio.speech.session import Array, Session
from tenku.studio.speech.spoken import Sound
from tenku.studio.speech.styles import Styles

TOKENS = ("input_ids", "tokens")
"""What exports call the phonemes."""


def is_kokoro(inputs: Mapping[str, str]) -> bool:
    """Whether a network with these inputs is one of Kokoro's."""
    return {"style", "speed"} <= inputs.keys() and any(name in inputs for name in TOKENS)


class Kokoro:
    """Implements `SpeechModel`. The seed changes nothing: there is no chance in it."""

    def __init__(self, session: Session, styles: Styles) -> None:
        self._session = session
        self._styles = styles
        self._tokens = next(name for name in TOKENS if name in session.inputs)
        self._whole_speeds = "float" not in session.inputs["speed"]

    @property
    def voices(self) -> Sequence[str]:
        """See `SpeechModel`."""
        return list(self._styles)

    def speak(self, phonemes: str, *, voice: str, speed: float, seed: int, stop: Callable[[], bool]) -> Sound:  # noqa: ARG002
        """See `SpeechModel`."""
        numbers = numbers_of(phonemes)
        style = self._styles[voice]
        given: dict[str, Array] = {
            self._tokens: np.array([[EDGE, *numbers, EDGE]], np.int64),
            # A voice has one row for each length: how it speaks short and long sentences.
            "style": style[min(len(numbers), len(style)) - 1].reshape(1, -1),
            "speed": self._speed(speed),
        }
        return np.asarray(self._session.run(given, stop=stop), np.float32).reshape(-1)

    def _speed(self, speed: float) -> Array:
        if not self._whole_speeds:
            return np.array([speed], np.float32)
        if speed != int(speed):
            raise JobError(
                f"This export of Kokoro knows no speed {speed:g}.", hint="Take a whole one, or another file."
            )
        return np.array([int(speed)], np.int32)
