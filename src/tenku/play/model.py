"""The nouns of a streamed game."""

from dataclasses import dataclass
from enum import Enum
from typing import NewType

SessionId = NewType("SessionId", str)
ConnectionId = NewType("ConnectionId", int)
Slot = NewType("Slot", int)
"""1 to 4 for players; 0 for every viewer."""

VIEWER = Slot(0)
PLAYER_SLOTS = (Slot(1), Slot(2), Slot(3), Slot(4))


class Role(Enum):
    PLAYER = "player"  # holds one of the slots 1-4; their input reaches the game
    VIEWER = "viewer"  # sees and hears; their input is ignored by the server


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class Frame:
    """One encoded picture, as the encoder hands it out. Times are microseconds of the monotonic clock."""

    number: int
    reference: int
    """Number of the frame that this one is predicted from; -1 for a key frame, -2 where the encoder does not say."""
    key: bool
    size: Size
    capture_us: int
    encode_start_us: int
    encode_end_us: int
    data: memoryview


@dataclass(frozen=True, slots=True)
class Sound:
    """One Opus packet of 10 ms; `capture_us` is when its first sample was played by the game."""

    capture_us: int
    data: memoryview


@dataclass(frozen=True, slots=True)
class CursorShape:
    """The game's cursor: a PNG with a hot spot, or hidden, or the browser's arrow (`png` is empty then)."""

    hidden: bool
    hot_x: int
    hot_y: int
    png: bytes


@dataclass(frozen=True, slots=True)
class Quality:
    """What the encoder is asked for."""

    bitrate_kbps: int
    fps: int
    size: Size
