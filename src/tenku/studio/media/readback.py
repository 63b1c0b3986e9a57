"""Decodes a file again, to the last picture and sample, and says what is in it."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from av import AudioFrame
from av.subtitles.subtitle import SubtitleSet

from tenku.base.errors import JobError
from tenku.studio.media.container import opened


@dataclass(frozen=True, kw_only=True)
class PictureFacts:
    """The pictures of a file. Times are seconds of the file's own clock."""

    codec: str
    width: int
    height: int
    frames: int
    fps: float
    first_s: float
    """When the first picture is shown."""
    end_s: float
    """When the last picture ends."""
    bt709: bool
    """Whether its colours are tagged as BT.709, with the limited range."""


@dataclass(frozen=True, kw_only=True)
class SoundFacts:
    """The sound of a file. Times are seconds of the file's own clock."""

    codec: str
    rate: int
    channels: int
    samples: int
    """That are heard: without what the encoder puts before and behind."""
    first_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True)
class MediaFacts:
    """What a file holds."""

    size: int
    """Bytes."""
    pictures: PictureFacts | None
    sound: SoundFacts | None

    @property
    def seconds(self) -> float:
        """From the beginning to the end of whatever lasts longest."""
        ends = [each.end_s for each in (self.pictures, self.sound) if each is not None]
        return max(ends, default=0.0)

    @property
    def start_offset_s(self) -> float:
        """How much later than the first picture the first sample comes; 0 where one of them is not there."""
        return self.sound.first_s - self.pictures.first_s if self.sound and self.pictures else 0.0

    @property
    def end_offset_s(self) -> float:
        """How much later than the last picture the last sample ends; below 0: the sound ends earlier."""
        return self.sound.end_s - self.pictures.end_s if self.sound and self.pictures else 0.0


def read_back(data: bytes, *, what: str = "The file") -> MediaFacts:
    """Decode all of a file. Raises JobError: it is broken anywhere, or has neither pictures nor sound."""
    with opened(data, what=what) as container:
        video = container.streams.video[0] if container.streams.video else None
        audio = container.streams.audio[0] if container.streams.audio else None
        if video is None and audio is None:
            raise JobError(f"{what} has neither pictures nor sound.", hint="Try again.")
        times: list[float] = []
        heard: list[tuple[float, int]] = []
        for frame in container.decode(*[each for each in (video, audio) if each is not None]):
            if isinstance(frame, SubtitleSet):
                continue
            if frame.time is None:
                raise JobError(f"{what} has a picture or a block of sound without a time.", hint="Try again.")
            if isinstance(frame, AudioFrame):
                heard.append((frame.time, frame.samples))
            else:
                times.append(frame.time)
        pictures = _pictures(video, times, what) if video is not None else None
        sound = _sound(audio, heard, what) if audio is not None else None
    return MediaFacts(size=len(data), pictures=pictures, sound=sound)


def _pictures(stream: Any, times: list[float], what: str) -> PictureFacts:
    if not times:
        raise JobError(f"{what} has no picture that can be decoded.", hint="Try again.")
    context = stream.codec_context
    fps = float(stream.average_rate or stream.guessed_rate or Fraction(1))
    tags = (context.colorspace, context.color_range, context.color_primaries, context.color_trc)
    return PictureFacts(
        codec=stream.codec.canonical_name,
        width=context.width,
        height=context.height,
        frames=len(times),
        fps=fps,
        first_s=min(times),
        end_s=max(times) + 1 / fps,
        bt709=tuple(int(each) for each in tags) == (1, 1, 1, 1),
    )


def _sound(stream: Any, heard: list[tuple[float, int]], what: str) -> SoundFacts:
    if not heard:
        raise JobError(f"{what} has no sound that can be decoded.", hint="Try again.")
    first, end = heard[0][0], heard[-1][0] + heard[-1][1] / stream.rate
    if stream.duration is not None:  # a lossy encoder fills its last block; the container knows where the sound ends
        end = min(end, float((stream.start_time or 0) * stream.time_base + stream.duration * stream.time_base))
    return SoundFacts(
        codec=stream.codec.canonical_name,
        rate=stream.rate,
        channels=stream.channels,
        samples=round((end - first) * stream.rate),
        first_s=first,
        end_s=end,
    )
