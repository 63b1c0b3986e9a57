"""The order and the length of what goes into a recording: pictures and sound on one time line that begins at 0.

Pure: frames and packets in, runs of samples out. Pictures keep the times that they were captured at. Sound is put
into slots of 10 ms without holes, silence where nothing was played: players disagree about holes, not about silence.
"""

from dataclasses import dataclass, field

from tenku.play import h264
from tenku.play.h264 import ParameterSets
from tenku.play.model import Frame, Size, Sound

VIDEO_RATE = 90_000
AUDIO_RATE = 48_000
SLOT = AUDIO_RATE // 100
SILENCE = b"\xf4\xff\xfe"
"""10 ms of silence as an Opus packet: stereo, full band, and nothing in it."""
TOLERANCE = SLOT * 3 // 2
"""How far sound may be from its place before a slot of silence is put in or a packet left out, in samples."""
LATE = AUDIO_RATE // 4
"""Sound that arrives this long after the picture of its moment still finds its place, in samples."""
RUN = VIDEO_RATE // 2
"""How much is written at a time; kill -9 loses at most this."""


NO_SIZE = Size(0, 0)


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture or one packet of sound."""

    data: bytes
    duration: int
    key: bool = True


@dataclass(frozen=True, slots=True)
class Run:
    """Samples that follow each other; `start` and durations count in the track's own rate."""

    start: int
    samples: list[Sample]


@dataclass(slots=True)
class _Held:
    """The newest picture: it lasts until the next one, so it waits for that."""

    start: int
    data: bytes
    key: bool


@dataclass(slots=True)
class Reel:
    """Collects what is to be written next.

    Args:
        sound: whether there is a sound track at all.
    """

    sound: bool
    first: ParameterSets | None = None
    size: Size = NO_SIZE
    """Of the first picture."""
    _began_us: int = 0
    _held: _Held | None = None
    _pictures: list[Sample] = field(default_factory=list)
    _pictures_start: int = 0
    _packets: list[bytes] = field(default_factory=list)
    _packets_start: int = 0

    def add_frame(self, frame: Frame) -> None:
        """The next picture. Pictures before the first key frame show nothing and are left out."""
        found = h264.units(bytes(frame.data))
        if frame.key:
            self._learn(h264.parameter_sets(found), frame)
        if self.first is None:
            return
        start = (frame.capture_us - self._began_us) * VIDEO_RATE // 1_000_000
        if self._held is not None:
            start = max(start, self._held.start + 1)
            self._release(start)
        self._held = _Held(start, h264.with_lengths(found), frame.key)

    def add_sound(self, sound: Sound) -> None:
        """The next packet; it goes to the slot of the time when it was played."""
        if not self.sound or self.first is None:
            return
        place = (sound.capture_us - self._began_us) * AUDIO_RATE // 1_000_000
        if place < self._sound_end() - TOLERANCE:
            return
        if place > self._sound_end() + TOLERANCE:
            self._fill(place)
        self._packets.append(bytes(sound.data))

    def due(self) -> bool:
        """Whether it is time to write."""
        return self._end() - self._pictures_start >= RUN or len(self._packets) >= 400

    def take(self, *, last: bool = False) -> tuple[Run, Run]:
        """What has collected, pictures and sound; with `last` all of it, both tracks of one length."""
        if last and self._held is not None:
            self._release(self._held.start + (self._pictures[-1].duration if self._pictures else VIDEO_RATE // 60))
            self._held = None
        if self.sound and self.first is not None:
            end = self._end() * AUDIO_RATE // VIDEO_RATE
            self._fill(end if last else end - LATE)
        pictures = Run(self._pictures_start, self._pictures)
        packets = Run(self._packets_start, [Sample(data, SLOT) for data in self._packets])
        self._pictures_start, self._pictures = self._end(), []
        self._packets_start, self._packets = self._sound_end(), []
        return pictures, packets

    def _learn(self, sets: ParameterSets | None, frame: Frame) -> None:
        if self.first is None and sets is not None:
            self.first, self.size, self._began_us = sets, frame.size, frame.capture_us

    def _release(self, end: int) -> None:
        assert self._held is not None
        self._pictures.append(Sample(self._held.data, end - self._held.start, self._held.key))

    def _fill(self, end: int) -> None:
        missing = round((end - self._sound_end()) / SLOT)
        self._packets.extend([SILENCE] * max(0, missing))

    def _end(self) -> int:
        return self._pictures_start + sum(sample.duration for sample in self._pictures)

    def _sound_end(self) -> int:
        return self._packets_start + len(self._packets) * SLOT
