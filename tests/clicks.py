"""Plays a click every half second through libpulse, and prints when each is due: the write plus the server's delay."""

import ctypes
import sys
import time

import media

BLOCK = 240


class Format(ctypes.Structure):
    """pa_sample_spec."""

    _fields_ = (("format", ctypes.c_int), ("rate", ctypes.c_uint32), ("channels", ctypes.c_uint8))


class Buffering(ctypes.Structure):
    """pa_buffer_attr."""

    _fields_ = tuple((name, ctypes.c_uint32) for name in ("most", "target", "before", "request", "fragment"))


def main(count: int, latency_ms: int) -> None:
    """Play `count` clicks with a buffer of `latency_ms`."""
    pulse = ctypes.CDLL("libpulse-simple.so.0")
    pulse.pa_simple_new.restype = ctypes.c_void_p
    pulse.pa_simple_get_latency.restype = ctypes.c_uint64
    default = 2**32 - 1
    shape = Format(3, media.RATE, 2)
    room = Buffering(default, media.RATE * 4 * latency_ms // 1000, default, default, default)
    stream = ctypes.c_void_p(
        pulse.pa_simple_new(None, b"clicks", 1, None, b"clicks", ctypes.byref(shape), None, ctypes.byref(room), None)
    )
    click = media.tone((2000, 2000), BLOCK / media.RATE)
    due = time.monotonic() + 1
    while count:
        if time.monotonic() < due:
            pulse.pa_simple_write(stream, bytes(BLOCK * 4), BLOCK * 4, None)
            continue
        played_us = time.monotonic_ns() // 1000 + pulse.pa_simple_get_latency(stream, None)
        pulse.pa_simple_write(stream, click, len(click), None)
        print(played_us, flush=True)
        due, count = due + 0.503, count - 1
    pulse.pa_simple_drain(stream, None)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
