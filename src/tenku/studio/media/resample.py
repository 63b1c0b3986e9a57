"""Sound at another rate, or with another count of channels."""

import av
import numpy as np
import numpy.typing as npt
from av import AudioFrame, AudioResampler

from tenku.base.errors import JobError
from tenku.studio.media.samples import Samples

LAYOUTS = {1: "mono", 2: "stereo"}


def check_samples(samples: Samples) -> Samples:
    """Whether it is sound that can be written. Raises JobError: no numbers, NaN, too many channels."""
    data = samples.data
    if data.ndim != 2 or data.shape[1] not in LAYOUTS:
        raise JobError(f"The sound has the shape {data.shape}; it has to be (n, 1) or (n, 2).", hint="Mix it down.")
    if not len(data) or samples.rate < 1:
        raise JobError("The sound has no samples.", hint="Make it longer.")
    if not np.isfinite(data).all():
        raise JobError("The sound holds numbers that are none (NaN).", hint="Try another seed, or full precision.")
    return samples


def as_channels(samples: Samples, channels: int) -> Samples:
    """One channel becomes two equal ones; two become their mean."""
    if samples.channels == channels:
        return samples
    if channels == 1:
        return Samples(samples.data.mean(axis=1, keepdims=True, dtype=np.float32), samples.rate)
    return Samples(np.repeat(samples.data[:, :1], channels, axis=1), samples.rate)


def resampled(samples: Samples, rate: int) -> Samples:
    """The same sound at another rate, equally long to within half a sample. Raises JobError."""
    if samples.rate == rate:
        return samples
    check_samples(samples)
    wanted = round(len(samples.data) * rate / samples.rate)
    layout = LAYOUTS[samples.channels]
    resampler = AudioResampler(format="fltp", layout=layout, rate=rate)
    try:
        frames = [*resampler.resample(_frame(samples, layout)), *resampler.resample(None)]
    except (av.FFmpegError, ValueError) as error:
        raise JobError(f"Sound of {samples.rate} Hz cannot be made {rate} Hz: {error}.", hint="Take 48000.") from error
    data = np.concatenate([_numbers(frame) for frame in frames], axis=1).T[:wanted]
    missing = wanted - len(data)
    if missing > 0:
        data = np.pad(data, ((0, missing), (0, 0)), mode="edge")
    return Samples(np.ascontiguousarray(data), rate)


def _frame(samples: Samples, layout: str) -> AudioFrame:
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples.data.T, np.float32), "fltp", layout)
    frame.sample_rate = samples.rate
    return frame


def _numbers(frame: AudioFrame) -> npt.NDArray[np.float32]:
    return np.asarray(frame.to_ndarray(), np.float32)
