"""Reads a video that somebody handed in, within limits."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange, Colorspace

from tenku.base.errors import JobError
from tenku.studio.media.container import check_codec, opened
from tenku.studio.media.writevideo import Frames

MOST_S = 60.0
MOST_SIDE = 4096
MOST_BYTES = 2 * 1024**3
"""Of all pictures together, once they are decoded."""
UNTAGGED = 2
"""The colour space of pictures that do not say theirs."""
OLD = (Colorspace.ITU601, Colorspace.FCC, Colorspace.SMPTE240M)


@dataclass(frozen=True, eq=False)
class Reel:
    """Pictures that move.

    Args:
        frames: uint8, (N, height, width, 3), sRGB.
        fps: pictures a second.
    """

    frames: Frames
    fps: float


def read_frames(data: bytes, *, what: str = "The video", most_s: float = MOST_S, most_frames: int = 0) -> Reel:
    """All pictures of a video.

    Args:
        most_frames: reading ends, without an error, after so many; 0: at the end.

    Raises:
        JobError: it is no video, is broken or cut off, lasts longer than `most_s`, or is too large to be held.
    """
    with opened(data, what=what) as container:
        if not container.streams.video:
            raise JobError(f"{what} has no pictures.", hint="Hand in another file.")
        stream = container.streams.video[0]
        check_codec(stream, what=what)
        stream.codec_context.thread_count = 1
        limits = _Limits(what, most_s, _rate(stream))
        limits.size(stream.codec_context.width, stream.codec_context.height)
        pictures: list[Frames] = []
        for frame in container.decode(stream):
            limits.size(frame.width, frame.height)
            limits.another()
            pictures.append(_picture(frame, like=pictures[0] if pictures else None))
            if most_frames and len(pictures) == most_frames:
                break
        expected = stream.frames if not most_frames else min(stream.frames, most_frames)
    if not pictures:
        raise JobError(f"{what} has no picture that can be decoded.", hint="It may be cut off; try another.")
    if len(pictures) < expected:
        raise JobError(
            f"{what} is cut off: {len(pictures)} of {expected} pictures are there.", hint="Hand in the whole file."
        )
    return Reel(np.stack(pictures), limits.fps)


class _Limits:
    """What keeps a small hostile file from becoming a large heap of pictures."""

    def __init__(self, what: str, most_s: float, fps: float) -> None:
        self._what = what
        self._most_s = most_s
        self._bytes = 0
        self._count = 0
        self._each = 0
        self.fps = fps

    def size(self, width: int, height: int) -> None:
        if not 0 < width <= MOST_SIDE or not 0 < height <= MOST_SIDE:
            raise JobError(
                f"{self._what} has pictures of {width}x{height}; {MOST_SIDE}x{MOST_SIDE} is the most.",
                hint="Make it smaller.",
            )
        self._each = width * height * 3

    def another(self) -> None:
        self._bytes += self._each
        self._count += 1
        if self._count > self._most_s * self.fps + 1:
            raise JobError(f"{self._what} lasts longer than {self._most_s:g} s.", hint="Cut it.")
        if self._bytes > MOST_BYTES:
            raise JobError(f"{self._what} is too large to be held in memory.", hint="Cut it, or make it smaller.")


def _rate(stream: Any) -> float:
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    # A stream of one picture, or one that lies, has no rate that means anything.
    return rate if 0.5 <= rate <= 240 else 24.0


def _picture(frame: VideoFrame, *, like: Frames | None) -> Frames:
    """One picture; what changes its size in mid-file is brought back to the first one's."""
    # Small and untagged is most often BT.601, as players have it; everything else BT.709.
    old = frame.colorspace in OLD or (frame.colorspace == UNTAGGED and frame.height < 720)
    height, width = like.shape[:2] if like is not None else (frame.height, frame.width)
    return np.asarray(
        frame.to_ndarray(
            format="rgb24",
            width=width,
            height=height,
            src_colorspace=Colorspace.ITU601 if old else Colorspace.ITU709,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        ),
        np.uint8,
    )
