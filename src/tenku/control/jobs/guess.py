"""First guesses, from the shape of a model and of a job, where this machine has no history of it."""

from collections.abc import Mapping

from tenku.control.jobs.estimate import GUESS_FACTOR, first_guess
from tenku.studio.model import Estimate, Kind

CORE_SPEED = 2.5e10
"""Operations a second of one core: what torch reaches with 32-bit numbers on ordinary servers."""
ACCELERATOR_SPEED = 1e14
"""Operations a second of an accelerator that is worth having, at 16 bits and half of what its maker says."""
SOUND_POSITIONS = 22.0
"""Positions of a sound model for each second."""
START_S = 1.0
"""Every job is prepared, decoded, signed and written, however small its model."""
CHARACTER_S = 0.02
"""Seconds for each character that is said, by a small model on a processor."""
BYTES_A_NUMBER = 2.0
PASSES = 2.0
"""With guidance each step is done twice."""
WORKING: Mapping[Kind, float] = {
    Kind.TEXT: 0.0,  # chats have their memory from the beginning
    Kind.IMAGE: 1500.0,  # for each pixel: the VAE's widest layers
    Kind.VIDEO: 250.0,  # for each pixel of each frame: the transformer's positions, and all frames as numbers
    Kind.SOUND: 3e6,  # for each second
    Kind.SPEECH: 2e4,  # for each character
}
"""Bytes besides weights for each unit of `work_size`."""


def guess(kind: Kind, units: float, *, model_size: int, speed: float) -> Estimate:
    """Seconds for a job of so many work units. `model_size`: bytes of weights; `speed`: operations a second."""
    if kind is Kind.TEXT:
        return first_guess(units, model_size=model_size)
    if kind is Kind.SPEECH:
        seconds = units * CHARACTER_S
    else:
        positions = units * SOUND_POSITIONS if kind is Kind.SOUND else units
        seconds = PASSES * 2.0 * max(1, model_size) / BYTES_A_NUMBER * positions / speed
    seconds += START_S
    return Estimate(seconds=seconds, low=seconds / GUESS_FACTOR, high=seconds * GUESS_FACTOR, jobs=0)
