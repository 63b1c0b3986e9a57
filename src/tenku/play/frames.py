"""Frame numbers that only ever rise, from an encoder's that wrap and begin anew."""

WRAP = 1 << 16
"""pixelflux counts frames in 16 bits, and from 0 after each restart of a capture."""
RESTART = 1 << 12
"""A key frame whose number jumped by more than this is the first of a new count."""


class FrameCount:
    """Turns the encoder's numbers into ours and back."""

    def __init__(self) -> None:
        self._raw = -1
        self._number = 0

    def number(self, raw: int, *, key: bool) -> int:
        """Our number of the frame that the encoder calls `raw`."""
        step = (raw - self._raw) % WRAP
        if self._raw < 0 or (key and step > RESTART):
            step = 1
        self._raw = raw
        self._number += step
        return self._number

    def reference(self, raw_reference: int) -> int:
        """Our number of the frame that the newest one predicts from; -1 and -2 stay as they are."""
        if raw_reference < 0:
            return raw_reference
        return self._number - (self._raw - raw_reference) % WRAP

    def raw(self, number: int) -> int:
        """What the encoder calls our frame `number`."""
        return (self._raw - (self._number - number)) % WRAP
