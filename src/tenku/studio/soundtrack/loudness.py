"""How loud sound is, and how loud it may be (pure)."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tenku.base.errors import JobError

Sound = npt.NDArray[np.float32]
"""(n, channels), from -1 to 1."""

CEILING = 10 ** (-1 / 20)
"""The highest sample of what is written, 1 dB below the end: lossy codecs overshoot a little."""
SILENCE_DB = -70.0
"""Below this, as the mean of all samples, nobody hears anything."""


@dataclass(frozen=True)
class Level:
    """How loud something is, in dB below full scale."""

    peak_db: float
    """Of the highest sample."""
    mean_db: float
    """Of the root of the mean square."""


def level_of(sound: Sound) -> Level:
    """The level of a sound; -200 is nothing at all."""
    if not sound.size:
        return Level(-200.0, -200.0)
    return Level(decibels(float(np.abs(sound).max())), decibels(float(np.sqrt(np.mean(np.square(sound, dtype=float))))))


def decibels(amplitude: float) -> float:
    """An amplitude in dB; at least -200."""
    return max(-200.0, 20 * math.log10(max(amplitude, 1e-10)))


def amplitude(decibel: float) -> float:
    """What to multiply with for so many dB."""
    return float(10 ** (decibel / 20))


def below_ceiling(sound: Sound) -> tuple[Sound, float]:
    """The sound, turned down as a whole where any of it would be cut off, and by how many dB (0, or below)."""
    peak = float(np.abs(sound).max(initial=0.0))
    if peak <= CEILING:
        return sound, 0.0
    return (sound * np.float32(CEILING / peak)).astype(np.float32), decibels(CEILING / peak)


def check_heard(sound: Sound, *, what: str) -> Level:
    """Raises JobError: there are numbers that are none, or nothing is heard. `what`: like `The sound of tiny`."""
    if not np.isfinite(sound).all():
        raise JobError(
            f"{what} holds numbers that are none (NaN).",
            hint="Try another seed, or give the model another dtype: float32, or bfloat16 in place of float16.",
        )
    level = level_of(sound)
    if level.mean_db < SILENCE_DB:
        raise JobError(
            f"{what} is silence: {level.mean_db:.0f} dB, where {SILENCE_DB:.0f} dB can just be heard.",
            hint="Try another seed, or say what is to be heard in other words.",
        )
    return level
