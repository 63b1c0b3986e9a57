"""Pieces of speech made one: the silence at their ends is cut, pauses come between, and nothing clicks or clips."""

from collections.abc import Sequence

import numpy as np

from tenku.base.errors import JobError
from tenku.studio.speech.spoken import RATE, Sound

QUIET = 0.01
"""Of the loudest sample: below this it is silence."""
MARGIN_S = 0.03
"""Kept around what is loud: a soft consonant begins below the threshold."""
FADE_S = 0.005
LOUDEST = 0.97
"""A lossy format overshoots a little."""


def joined(pieces: Sequence[tuple[Sound, float]]) -> Sound:
    """Pieces of sound with the seconds of silence behind each; the last silence is left out.

    Raises:
        JobError: there is nothing to be heard, or numbers that are none.
    """
    parts: list[Sound] = []
    for sound, pause_s in pieces:
        parts += [trimmed(sound), np.zeros(round(pause_s * RATE), np.float32)]
    whole = np.concatenate(parts[:-1]) if parts else np.zeros(0, np.float32)
    loudest = float(np.abs(whole).max(initial=0.0))
    if not np.isfinite(loudest):
        raise JobError("The model gave numbers that are none (NaN).", hint="Bring its weights again.")
    if not loudest:
        raise JobError("The model said nothing.", hint="Try another text.")
    # Only what would clip is made softer: how loud a voice is belongs to it.
    return whole if loudest <= LOUDEST else whole * np.float32(LOUDEST / loudest)


def trimmed(sound: Sound) -> Sound:
    """Without the silence at both ends, which are faded."""
    level = np.abs(sound)
    loud = np.flatnonzero(level > QUIET * level.max(initial=0.0))
    if not len(loud):
        return sound[:0]
    margin, fade = round(MARGIN_S * RATE), round(FADE_S * RATE)
    kept = sound[max(0, loud[0] - margin) : loud[-1] + 1 + margin].copy()
    ramp = np.linspace(0.0, 1.0, min(fade, len(kept)), dtype=np.float32)
    kept[: len(ramp)] *= ramp
    kept[len(kept) - len(ramp) :] *= ramp[::-1]
    return kept
