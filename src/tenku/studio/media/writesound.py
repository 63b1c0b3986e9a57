"""Writes sound into a file of its own."""

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av import AudioFrame

from tenku.base.errors import JobError
from tenku.studio.media.codecs import SOUND, SoundFormat
from tenku.studio.media.resample import LAYOUTS, check_samples, resampled
from tenku.studio.media.samples import Samples

BLOCK = 4096
"""Samples that are handed to an encoder at once."""
BITEXACT = 1 << 23
"""The encoder does not write its own version into the file."""


def write_sound(data: npt.NDArray[np.float32], rate: int, format: str = "wav") -> bytes:
    """A sound file.

    Args:
        data: float32, (n, channels), from -1 to 1; louder is cut off.
        rate: samples a second. One that the format cannot hold becomes 48000.
        format: one of `wav`, `flac`, `opus` (in Ogg), `mp3`, `aac` (ADTS), `pcm` (16 bits, little-endian, no header).

    Raises:
        JobError: no samples, NaN, more than two channels, or a format that there is not.
    """
    if format not in SOUND:
        raise JobError(f"There is no sound format {format[:40]!r}.", hint=f"There are {', '.join(SOUND)}.")
    how = SOUND[format]
    samples = check_samples(Samples(np.asarray(data, np.float32), rate))
    if not how.encoder:
        return as_int16(samples.data).astype("<i2").tobytes()
    if how.rates and rate not in how.rates:
        samples = resampled(samples, how.rates[-1])
    try:
        return _encoded(samples, how)
    except (av.FFmpegError, ValueError) as error:
        raise JobError(f"The sound cannot be written as {format}: {error}.", hint="Take wav.") from error


def as_int16(data: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
    """Whole numbers of 16 bits; a file of 16 bits that is read and written again stays as it was."""
    whole: npt.NDArray[np.int16] = np.clip(np.rint(data * 32768.0), -32768, 32767).astype(np.int16)
    return whole


def audio_frames(samples: Samples, sample_format: str) -> Iterator[AudioFrame]:
    """The sound in blocks, with their times, as an encoder wants them."""
    numbers: Any = as_int16(samples.data) if sample_format.startswith("s16") else np.clip(samples.data, -1.0, 1.0)
    planar = sample_format.endswith("p")
    for at in range(0, len(numbers), BLOCK):
        block = numbers[at : at + BLOCK]
        laid = np.ascontiguousarray(block.T) if planar else np.ascontiguousarray(block).reshape(1, -1)
        frame = AudioFrame.from_ndarray(laid, sample_format, LAYOUTS[samples.channels])
        frame.sample_rate = samples.rate
        frame.time_base = Fraction(1, samples.rate)
        frame.pts = at
        yield frame


def _encoded(samples: Samples, how: SoundFormat) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=how.muxer, container_options={"fflags": "+bitexact"}) as container:
        stream = add_sound(container, how.encoder, samples, bit_rate=how.bit_rate)
        for frame in audio_frames(samples, how.sample_format):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def add_sound(container: Any, encoder: str, samples: Samples, *, bit_rate: int) -> Any:
    """A stream for sound in a file that is being written."""
    stream = container.add_stream(encoder, rate=samples.rate, layout=LAYOUTS[samples.channels])
    stream.codec_context.flags |= BITEXACT
    stream.codec_context.thread_count = 1
    if bit_rate:
        stream.bit_rate = bit_rate * samples.channels
    return stream
