"""Puts sounds together: pieces into one, speech over ambience, all exactly as long as the video (pure)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tenku.studio.soundtrack.loudness import Sound, amplitude, decibels
from tenku.studio.soundtrack.timing import Piece

FADE_IN_S = 0.05
FADE_OUT_S = 0.3
DUCK_DB = -12.0
"""How much quieter the rest is while somebody speaks."""
DUCK_S = 0.25
"""How long becoming quieter takes, before and behind the speech."""
SPEECH_PEAK_DB = -3.0
SPEECH_UP_DB = 12.0
"""Speech that is quieter than its level is turned up by so much at most: beyond that one hears noise."""
EDGE_DB = -50.0
"""What is quieter at the beginning and the end of speech is no part of it."""


def joined(sounds: Sequence[Sound], pieces: Sequence[Piece]) -> Sound:
    """Pieces as one sound; where two overlap, the power of both together stays the same.

    Different pieces of noise do not swing alike, so powers add up, not amplitudes: a straight cross-fade would have a
    hole of 3 dB in its middle.
    """
    whole = np.zeros((pieces[-1].start + pieces[-1].length, sounds[0].shape[1]), np.float32)
    for number, (sound, piece) in enumerate(zip(sounds, pieces, strict=True)):
        weights = np.ones(piece.length, np.float32)
        if number:
            rise = pieces[number - 1].start + pieces[number - 1].length - piece.start
            weights[:rise] = np.sin(_ramp(rise) * np.pi / 2)
        if number + 1 < len(pieces):
            fall = piece.start + piece.length - pieces[number + 1].start
            weights[piece.length - fall :] *= np.cos(_ramp(fall) * np.pi / 2)
        whole[piece.start : piece.start + piece.length] += fitted(sound, piece.length) * weights[:, None]
    return whole


def fitted(sound: Sound, length: int) -> Sound:
    """A sound of exactly so many samples: the rest is left out, or silent."""
    if len(sound) >= length:
        return sound[:length]
    return np.pad(sound, ((0, length - len(sound)), (0, 0)))


def faded(sound: Sound, rate: int) -> Sound:
    """A sound that comes and goes softly, so that nothing clicks; a short one does both more quickly."""
    rise, fall = (min(round(seconds * rate), len(sound) // 4) for seconds in (FADE_IN_S, FADE_OUT_S))
    weights = np.ones(len(sound), np.float32)
    weights[:rise] = np.sin(_ramp(rise) * np.pi / 2) ** 2
    weights[len(sound) - fall :] *= np.cos(_ramp(fall) * np.pi / 2) ** 2
    return sound * weights[:, None]


def spoken(speech: Sound) -> Sound:
    """Speech without the silence around it, at its usual level."""
    loud = np.flatnonzero(np.abs(speech).max(axis=1) > amplitude(EDGE_DB))
    if not len(loud):
        return speech[:0]
    cut = speech[loud[0] : loud[-1] + 1]
    gain = min(SPEECH_PEAK_DB - decibels(float(np.abs(cut).max())), SPEECH_UP_DB)
    return (cut * np.float32(amplitude(gain))).astype(np.float32)


def under_speech(ambience: Sound, *, start: int, length: int, rate: int) -> Sound:
    """The ambience, quieter from `start` on for `length` samples."""
    return ambience * _ducking(len(ambience), start, length, round(DUCK_S * rate))[:, None]


def _ducking(total: int, start: int, length: int, ramp: int) -> npt.NDArray[np.float32]:
    """What to multiply with: 1, down to the ducked level before the speech begins, and up again when it has ended."""
    low = amplitude(DUCK_DB)
    at = np.arange(total, dtype=np.float64)
    away = np.maximum(np.maximum(start - at, at - (start + length - 1)), 0.0)
    share = np.minimum(away / max(1, ramp), 1.0)
    return (low + (1 - low) * share).astype(np.float32)


def _ramp(length: int) -> npt.NDArray[np.float32]:
    """From just above 0 to just below 1."""
    return ((np.arange(length) + 0.5) / max(1, length)).astype(np.float32)
