"""What a game asks of a pad's motors, from the kernel's force-feedback words."""

from dataclasses import dataclass, field

from tenku.play.pads import evdev
from tenku.play.pads.xbox import EFFECT_SLOTS

FULL = 0xFFFF
LONGEST_MS = 0xFFFF


@dataclass(frozen=True, slots=True)
class Shake:
    """Strength of the slow heavy and the quick light motor, 0 to 65535, and for how long. All 0 is: stop."""

    strong: int
    weak: int
    duration_ms: int


STILL = Shake(0, 0, 0)


def effect_of(data: bytes) -> Shake:
    """The shake in a `struct ff_effect`. A length of 0 means until it is stopped: that is the longest there is.

    Waves become equal strength of both motors, as the kernel does for pads that cannot play waves.
    """
    kind, _id, _direction, _button, _interval, length, _delay, body = evdev.EFFECT.unpack(data)
    strong = weak = 0
    if kind == evdev.FF_RUMBLE:
        strong, weak = evdev.RUMBLE.unpack_from(body)
    elif kind == evdev.FF_PERIODIC:
        strong = weak = min(2 * abs(evdev.PERIODIC.unpack_from(body)[2]), FULL)
    return Shake(strong, weak, length or LONGEST_MS)


@dataclass(slots=True)
class Motors:
    """The effects that one game holds on one pad, and which of them plays.

    Each method returns what the player's pad shall do now, or None where nothing changes. The effect that was
    started last is what is felt: two at once are rare, and a browser plays one.
    """

    effects: dict[int, Shake] = field(default_factory=dict)
    playing: int | None = None
    times: int = 1
    gain: int = FULL

    def upload(self, effect: int, data: bytes) -> Shake | None:
        """An effect is new or different; a playing one goes on with the new strength."""
        if effect >= EFFECT_SLOTS:
            return None
        self.effects[effect] = effect_of(data)
        return self._felt() if self.playing == effect else None

    def erase(self, effect: int) -> Shake | None:
        """An effect is no more; it stops if it plays."""
        self.effects.pop(effect, None)
        return self._stop() if self.playing == effect else None

    def play(self, effect: int, times: int) -> Shake | None:
        """Play an effect so many times; 0 stops it."""
        if times <= 0:
            return self._stop() if self.playing == effect else None
        if effect not in self.effects:
            return None
        self.playing, self.times = effect, times
        return self._felt()

    def set_gain(self, gain: int) -> Shake | None:
        """Scale every effect; 65535 is full strength."""
        self.gain = min(max(gain, 0), FULL)
        return self._felt() if self.playing is not None else None

    def leave(self) -> Shake | None:
        """The game closed the pad: what it plays stops."""
        return self._stop() if self.playing is not None else None

    def event(self, code: int, value: int) -> Shake | None:
        """An EV_FF event that the game wrote."""
        return self.set_gain(value) if code == evdev.FF_GAIN else self.play(code, value)

    def _stop(self) -> Shake:
        self.playing = None
        return STILL

    def _felt(self) -> Shake:
        shake = self.effects[self.playing] if self.playing is not None else STILL
        strong, weak = shake.strong * self.gain // FULL, shake.weak * self.gain // FULL
        if not strong and not weak:
            return STILL
        return Shake(strong, weak, min(shake.duration_ms * self.times, LONGEST_MS))
