"""The bytes between a session and `shim.c`: a greeting, then whole records of 24 bytes each way."""

import struct
from dataclasses import dataclass

from tenku.play.pads import evdev
from tenku.play.pads.rumble import Motors, Shake
from tenku.play.pads.xbox import PadState

MAGIC = 0x31444150
HELLO = struct.Struct("=IIQ8i")
UPLOAD, ERASE = 0xFF01, 0xFF02
"""Record types, out of the kernel's range, for what a real device is told by ioctl. An effect follows an UPLOAD."""


def hello(pad: int, state: PadState) -> bytes:
    """The first bytes to a game that opened a pad: `struct hello`."""
    return HELLO.pack(MAGIC, pad, state.keys, *state.axes)


@dataclass(slots=True)
class Requests:
    """Reads what a game wrote into a pad, in pieces of any size, and works its motors."""

    motors: Motors
    _rest: bytes = b""

    def take(self, data: bytes) -> Shake | None:
        """What the pad shall do after all of `data`; None where nothing changed.

        Only the last word counts: a game that shakes a thousand times in one burst is felt once.
        """
        buffer = self._rest + data
        last: Shake | None = None
        at = 0
        while len(buffer) - at >= (size := _size(buffer, at)):
            shake = self._obey(buffer[at : at + size])
            last = shake or last
            at += size
        self._rest = buffer[at:]
        return last

    def _obey(self, record: bytes) -> Shake | None:
        _seconds, _micros, kind, code, value = evdev.EVENT.unpack_from(record)
        if kind == evdev.EV_FF:
            return self.motors.event(code, value)
        if kind == UPLOAD:
            return self.motors.upload(code, record[evdev.EVENT.size :])
        if kind == ERASE:
            return self.motors.erase(code)
        return None  # a lamp, or nonsense: no other game is touched by it


def _size(buffer: bytes, at: int) -> int:
    """How long the record at `at` is, as far as its beginning is here already."""
    size = evdev.EVENT.size
    if len(buffer) - at >= size and evdev.EVENT.unpack_from(buffer, at)[2] == UPLOAD:
        return size + evdev.EFFECT.size
    return size
