"""When what is heard: how a long sound is made of pieces, and where speech begins (pure)."""

import math
from dataclasses import dataclass

from tenku.base.errors import JobError

OVERLAP_S = 0.5
"""How long one piece goes over into the next."""
LEAD_S = 0.4
"""How long the picture is seen before somebody speaks, where there is room for that."""


@dataclass(frozen=True)
class Piece:
    """One piece of a sound, in samples."""

    start: int
    length: int


def pieces_of(length: int, *, most: int, overlap: int) -> tuple[Piece, ...]:
    """Pieces of about equal length, which overlap, and together are as long as wanted. All in samples.

    Args:
        most: the longest piece that can be made.
        overlap: how far one goes over into the next; less where `most` is too short for that.
    """
    if length <= most:
        return (Piece(0, length),)
    overlap = min(overlap, most // 4)
    count = math.ceil((length - overlap) / (most - overlap))
    step = (length - overlap) / count
    starts = [round(number * step) for number in range(count)]
    ends = [start + overlap for start in starts[1:]] + [length]
    return tuple(Piece(start, end - start) for start, end in zip(starts, ends, strict=True))


def speech_start(speech_s: float, video_s: float) -> float:
    """When speech begins, in seconds. Raises JobError: it is longer than the video.

    It begins after a moment, and where there is little room, with as much before it as behind it.
    """
    if speech_s > video_s:
        raise JobError(
            f"The speech lasts {speech_s:.2f} s, and the video {video_s:.2f} s.",
            hint="Say less, or make the video longer.",
        )
    return min(LEAD_S, (video_s - speech_s) / 2)
