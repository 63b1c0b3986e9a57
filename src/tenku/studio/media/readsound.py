"""Reads sound: a file of its own, or what is heard in a video."""

import numpy as np
import numpy.typing as npt
from av import AudioFrame, AudioResampler

from tenku.base.errors import JobError
from tenku.studio.media.container import check_codec, opened
from tenku.studio.media.samples import Samples

MOST_S = 600.0
"""Seconds that are read at most."""


def read_sound(data: bytes, *, what: str = "The sound", most_s: float = MOST_S) -> Samples:
    """The sound of a file, with one or two channels (more are mixed down to two), cut to what the file says is its end.

    Raises:
        JobError: it is no sound, is broken or cut off, or lasts longer than `most_s` seconds.
    """
    with opened(data, what=what) as container:
        if not container.streams.audio:
            raise JobError(f"{what} has nothing to be heard.", hint="Hand in another file.")
        stream = container.streams.audio[0]
        check_codec(stream, what=what)
        rate, most = stream.rate, int(most_s * stream.rate)
        resampler = AudioResampler(format="fltp", layout="mono" if stream.channels == 1 else "stereo", rate=rate)
        blocks: list[npt.NDArray[np.float32]] = []
        count = 0
        for frame in container.decode(stream):
            for block in _numbers(resampler.resample(frame)):
                blocks.append(block)
                count += block.shape[1]
            if count > most:
                raise JobError(f"{what} lasts longer than {most_s:g} s.", hint="Cut it.")
        blocks += _numbers(resampler.resample(None))
        # A lossy encoder fills its last block; the container knows where the sound ends.
        known = stream.duration is not None and stream.time_base is not None and container.format.name != "aac"
        end = round(float(stream.duration * stream.time_base) * rate) if known else None  # type: ignore[operator]
    if not blocks:
        raise JobError(f"{what} has nothing to be heard.", hint="Hand in another file.")
    return Samples(np.ascontiguousarray(np.concatenate(blocks, axis=1).T[:end]), rate)


def _numbers(frames: list[AudioFrame]) -> list[npt.NDArray[np.float32]]:
    return [np.asarray(frame.to_ndarray(), np.float32) for frame in frames]
