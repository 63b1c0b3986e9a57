"""What a browser's gamepad is to the game: Microsoft's wired Xbox 360 pad, which every game knows.

The shape is that of the kernel's xpad driver; `shim.c` has the same tables in the same order.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tenku.play.pads import evdev

NAME = "Microsoft X-Box 360 pad"
VENDOR, PRODUCT, VERSION = 0x045E, 0x028E, 0x0110
PADS = 4
"""How many gamepads a game gets."""

KEYS = (
    evdev.BTN_A,
    evdev.BTN_B,
    evdev.BTN_X,
    evdev.BTN_Y,
    evdev.BTN_TL,
    evdev.BTN_TR,
    evdev.BTN_SELECT,
    evdev.BTN_START,
    evdev.BTN_MODE,
    evdev.BTN_THUMBL,
    evdev.BTN_THUMBR,
)
EFFECTS = (
    evdev.FF_RUMBLE,
    evdev.FF_PERIODIC,
    evdev.FF_SQUARE,
    evdev.FF_TRIANGLE,
    evdev.FF_SINE,
    evdev.FF_GAIN,
)
EFFECT_SLOTS = 16

STANDARD_BUTTONS = (0, 1, 2, 3, 4, 5, 8, 9, 16, 10, 11)
"""For each of KEYS its button in the W3C standard mapping; 6 and 7 are the triggers, 12 to 15 the cross."""
LEFT_TRIGGER, RIGHT_TRIGGER, UP, DOWN, LEFT, RIGHT = 6, 7, 12, 13, 14, 15


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: its code, how far it goes, and the middle that counts as rest."""

    code: int
    low: int
    high: int
    flat: int


AXES = (
    Axis(evdev.ABS_X, -32768, 32767, 128),
    Axis(evdev.ABS_Y, -32768, 32767, 128),
    Axis(evdev.ABS_Z, 0, 255, 0),
    Axis(evdev.ABS_RX, -32768, 32767, 128),
    Axis(evdev.ABS_RY, -32768, 32767, 128),
    Axis(evdev.ABS_RZ, 0, 255, 0),
    Axis(evdev.ABS_HAT0X, -1, 1, 0),
    Axis(evdev.ABS_HAT0Y, -1, 1, 0),
)


@dataclass(frozen=True, slots=True)
class PadState:
    """Everything about one pad at one moment: bit n of `keys` is KEYS[n], `axes` are in the order of AXES."""

    keys: int = 0
    axes: tuple[int, ...] = (0,) * len(AXES)


@dataclass(frozen=True, slots=True)
class Change:
    """One key or axis that changed; `index` counts in KEYS or AXES."""

    type: int
    index: int
    code: int
    value: int


REST = PadState()


def state_of(buttons: int, axes: tuple[int, int, int, int], triggers: tuple[int, int]) -> PadState:
    """The pad's state for what the browser sent, in the units of `protocol.Pad`.

    A pad whose triggers are plain buttons sends no trigger value, only the button: that is a full pull.
    """
    keys = sum(_bit(buttons, button) << place for place, button in enumerate(STANDARD_BUTTONS))
    left = triggers[0] or 255 * _bit(buttons, LEFT_TRIGGER)
    right = triggers[1] or 255 * _bit(buttons, RIGHT_TRIGGER)
    across = _bit(buttons, RIGHT) - _bit(buttons, LEFT)
    along = _bit(buttons, DOWN) - _bit(buttons, UP)
    return PadState(keys, (axes[0], axes[1], left, axes[2], axes[3], right, across, along))


def changes(before: PadState, after: PadState) -> Iterator[Change]:
    """What differs, keys first."""
    for index, code in enumerate(KEYS):
        if _bit(before.keys ^ after.keys, index):
            yield Change(evdev.EV_KEY, index, code, _bit(after.keys, index))
    for index, axis in enumerate(AXES):
        if before.axes[index] != after.axes[index]:
            yield Change(evdev.EV_ABS, index, axis.code, after.axes[index])


def event_records(before: PadState, after: PadState, *, now_ns: int) -> bytes:
    """The change as `struct input_event`s, closed by a report; empty where nothing changed."""
    seconds, rest = divmod(now_ns, 1_000_000_000)
    stamp = (seconds, rest // 1000)
    records = [evdev.EVENT.pack(*stamp, change.type, change.code, change.value) for change in changes(before, after)]
    if records:
        records.append(evdev.EVENT.pack(*stamp, evdev.EV_SYN, evdev.SYN_REPORT, 0))
    return b"".join(records)


def js_records(before: PadState, after: PadState, *, now_ns: int) -> bytes:
    """The change as `struct js_event`s, for games that read /dev/input/jsN."""
    return b"".join(
        _js_record(change.type, change.index, change.value, now_ns=now_ns, init=0) for change in changes(before, after)
    )


def js_beginning(state: PadState, *, now_ns: int) -> bytes:
    """What a newly opened jsN says first: every button and axis, marked as the initial state."""
    keys = [(evdev.EV_KEY, index, _bit(state.keys, index)) for index in range(len(KEYS))]
    axes = [(evdev.EV_ABS, index, value) for index, value in enumerate(state.axes)]
    return b"".join(_js_record(*row, now_ns=now_ns, init=evdev.JS_EVENT_INIT) for row in keys + axes)


def _js_record(kind: int, index: int, value: int, *, now_ns: int, init: int) -> bytes:
    if kind == evdev.EV_ABS:
        value = _js_value(AXES[index], value)
    number = evdev.JS_EVENT_BUTTON if kind == evdev.EV_KEY else evdev.JS_EVENT_AXIS
    return evdev.JS_EVENT.pack(now_ns // 1_000_000 & 0xFFFFFFFF, value, number | init, index)


def _js_value(axis: Axis, value: int) -> int:
    """Every js axis goes from -32767 to 32767, the triggers too; sticks are in these units already."""
    if axis.low == -32768:
        return max(value, -32767)
    return round((value - axis.low) * 65534 / (axis.high - axis.low)) - 32767


def _bit(bits: int, place: int) -> int:
    return bits >> place & 1
