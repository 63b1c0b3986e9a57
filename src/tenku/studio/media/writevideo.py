"""Writes an MP4 file: pictures, and the sound that goes with them."""

import os
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from tenku.base.errors import JobError
from tenku.studio.media.codecs import AAC_RATES, OPUS_RATES, VIDEO, VideoCodec
from tenku.studio.media.memoryfile import MemoryFile
from tenku.studio.media.resample import check_samples, resampled
from tenku.studio.media.samples import Samples
from tenku.studio.media.writesound import BITEXACT, add_sound, audio_frames

Frames = npt.NDArray[np.uint8]
"""(N, height, width, 3), sRGB."""
BIT_RATE = 96_000
"""Of the sound, a channel."""
QUIET = {"SVT_LOG": "1"}


def write_video(frames: Frames, *, fps: int | Fraction, codec: str = "h264", sound: Samples | None = None) -> bytes:
    """An MP4 file whose index stands in front; the same frames and sound make the same bytes.

    Colours are BT.709 with the limited range, and tagged as that. An odd width or height is made even by showing the
    last column or row twice: 4:2:0 cannot say it otherwise.

    Args:
        frames: uint8, (N, height, width, 3).
        fps: pictures a second.
        codec: `h264` with AAC, or `av1` or `vp9` with Opus.
        sound: begins with the first picture; what lasts longer than the pictures is left out.

    Raises:
        JobError: no frames, or something that the encoder cannot do.
    """
    how = _checked(frames, fps=fps, codec=codec)
    rate = Fraction(fps)
    sound = fitted(sound, encoder=how.sound, seconds=len(frames) / rate) if sound is not None else None
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)  # SVT-AV1 has no other way not to print twenty lines for each file
    try:
        return _encoded(even(frames), rate, how, sound)
    except (av.FFmpegError, ValueError, OverflowError) as error:
        raise JobError(f"The video cannot be written as {codec}: {error}.", hint="Take h264.") from error


def even(frames: Frames) -> Frames:
    """The frames with even sides: the last column or row is shown twice where that is needed."""
    _, height, width, _ = frames.shape
    if not height % 2 and not width % 2:
        return frames
    return np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def fitted(sound: Samples, *, encoder: str, seconds: Fraction) -> Samples:
    """The sound at a rate that the encoder takes, and not longer than the pictures. Raises JobError."""
    rates = AAC_RATES if encoder == "aac" else OPUS_RATES
    sound = check_samples(sound)
    if sound.rate not in rates:
        sound = resampled(sound, rates[-1])
    return Samples(sound.data[: max(1, round(seconds * sound.rate))], sound.rate)


def _checked(frames: Frames, *, fps: int | Fraction, codec: str) -> VideoCodec:
    if codec not in VIDEO:
        raise JobError(f"There is no video codec {codec[:40]!r}.", hint=f"There are {', '.join(VIDEO)}.")
    how = VIDEO[codec]
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8 or not len(frames):
        raise JobError(f"Frames of the shape {frames.shape} and type {frames.dtype} are no video.", hint="Try again.")
    if not 1 <= fps <= 240:
        raise JobError(f"A video cannot have {fps} pictures a second.", hint="Take from 1 to 240.")
    if min(frames.shape[1:3]) < how.least:
        raise JobError(
            f"A video of {frames.shape[2]}x{frames.shape[1]} is too small for {codec}.",
            hint=f"It needs {how.least}x{how.least}, or take h264.",
        )
    return how


def _encoded(frames: Frames, rate: Fraction, how: VideoCodec, sound: Samples | None) -> bytes:
    file = MemoryFile()
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(file.file, "w", format="mp4", container_options=options, io_open=file.open_again) as container:
        pictures = _add_pictures(container, frames, rate, how)
        heard: Any = add_sound(container, how.sound, sound, bit_rate=BIT_RATE) if sound is not None else None
        blocks = _Waiting(audio_frames(sound, "fltp" if how.sound == "aac" else "s16")) if sound is not None else None
        for number, frame in enumerate(video_frames(frames, rate)):
            container.mux(pictures.encode(frame))
            # Side by side, as they are played: a reader needs no seek.
            for block in blocks.until((number + 1) / rate) if blocks else ():
                container.mux(heard.encode(block))
        container.mux(pictures.encode(None))
        if heard is not None:
            container.mux(heard.encode(None))
    return file.bytes()


def video_frames(frames: Frames, rate: Fraction) -> Iterator[VideoFrame]:
    """The pictures with their times, in YUV 4:2:0 as BT.709 has it."""
    for number, picture in enumerate(frames):
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24").reformat(
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        frame.color_primaries = ColorPrimaries.BT709
        frame.color_trc = ColorTrc.BT709
        frame.time_base = 1 / rate
        frame.pts = number
        yield frame


def _add_pictures(container: Any, frames: Frames, rate: Fraction, how: VideoCodec) -> Any:
    stream = container.add_stream(how.encoder, rate=rate, options=dict(how.options))
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
    context.time_base = 1 / rate
    context.thread_count = 1
    context.flags |= BITEXACT
    context.colorspace = Colorspace.ITU709
    context.color_range = ColorRange.MPEG
    context.color_primaries = ColorPrimaries.BT709
    context.color_trc = ColorTrc.BT709
    return stream


class _Waiting:
    """Blocks of sound that are taken out as far as the pictures are."""

    def __init__(self, blocks: Iterator[Any]) -> None:
        self._blocks = blocks
        self._next = next(blocks, None)

    def until(self, seconds: Fraction) -> Iterator[Any]:
        while self._next is not None and self._next.pts * self._next.time_base < seconds:
            yield self._next
            self._next = next(self._blocks, None)
