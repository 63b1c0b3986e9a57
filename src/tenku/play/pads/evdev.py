"""The numbers and records of the kernel's input interface, for 64-bit Linux.

Sources: linux/input.h, linux/input-event-codes.h, linux/uinput.h, linux/joystick.h; `tests/test_pads.py` asks the
machine's own headers whether they still are these.
"""

import struct

EV_SYN, EV_KEY, EV_ABS, EV_FF, EV_UINPUT = 0x00, 0x01, 0x03, 0x15, 0x0101
SYN_REPORT = 0

BTN_A, BTN_B, BTN_X, BTN_Y = 0x130, 0x131, 0x133, 0x134
BTN_TL, BTN_TR, BTN_SELECT, BTN_START = 0x136, 0x137, 0x13A, 0x13B
BTN_MODE, BTN_THUMBL, BTN_THUMBR = 0x13C, 0x13D, 0x13E

ABS_X, ABS_Y, ABS_Z, ABS_RX, ABS_RY, ABS_RZ = range(6)
ABS_HAT0X, ABS_HAT0Y = 0x10, 0x11

FF_RUMBLE, FF_PERIODIC, FF_SQUARE, FF_TRIANGLE, FF_SINE, FF_GAIN = 0x50, 0x51, 0x58, 0x59, 0x5A, 0x60
BUS_USB = 0x03

EVENT = struct.Struct("=qqHHi")
"""`struct input_event`: seconds, microseconds, type, code, value."""
JS_EVENT = struct.Struct("=IhBB")
"""`struct js_event`: milliseconds, value, type, number."""
JS_EVENT_BUTTON, JS_EVENT_AXIS, JS_EVENT_INIT = 0x01, 0x02, 0x80

EFFECT = struct.Struct("=HhH HH HH 2x 32s")
"""`struct ff_effect`: type, id, direction, trigger (button, interval), replay (length, delay), and the union."""
RUMBLE = struct.Struct("=HH")
"""`struct ff_rumble_effect`: strong, weak."""
PERIODIC = struct.Struct("=HHh")
"""The beginning of `struct ff_periodic_effect`: waveform, period, magnitude."""

ABSINFO = struct.Struct("=iiiiii")
"""`struct input_absinfo`: value, minimum, maximum, fuzz, flat, resolution."""
SETUP = struct.Struct("=HHHH80sI")
"""`struct uinput_setup`: bus, vendor, product, version, name, how many effects."""
ABS_SETUP = struct.Struct("=H2x24s")
"""`struct uinput_abs_setup`: code and an ABSINFO."""
FF_UPLOAD = struct.Struct("=Ii48s48s")
"""`struct uinput_ff_upload`: request, result, the effect, the one that it replaces."""
FF_ERASE = struct.Struct("=IiI")
"""`struct uinput_ff_erase`: request, result, effect."""


def ioctl_number(direction: int, kind: str, number: int, size: int) -> int:
    """The request that `_IO`, `_IOW`, `_IOR` or `_IOWR` (direction 0 to 3) of the C headers makes."""
    return direction << 30 | size << 16 | ord(kind) << 8 | number


UI_DEV_CREATE = ioctl_number(0, "U", 1, 0)
UI_DEV_SETUP = ioctl_number(1, "U", 3, SETUP.size)
UI_ABS_SETUP = ioctl_number(1, "U", 4, ABS_SETUP.size)
UI_SET_EVBIT = ioctl_number(1, "U", 100, 4)
UI_SET_KEYBIT = ioctl_number(1, "U", 101, 4)
UI_SET_ABSBIT = ioctl_number(1, "U", 103, 4)
UI_SET_FFBIT = ioctl_number(1, "U", 107, 4)
UI_SET_PHYS = ioctl_number(1, "U", 108, 8)
UI_BEGIN_FF_UPLOAD = ioctl_number(3, "U", 200, FF_UPLOAD.size)
UI_END_FF_UPLOAD = ioctl_number(1, "U", 201, FF_UPLOAD.size)
UI_BEGIN_FF_ERASE = ioctl_number(3, "U", 202, FF_ERASE.size)
UI_END_FF_ERASE = ioctl_number(1, "U", 203, FF_ERASE.size)
UI_FF_UPLOAD, UI_FF_ERASE = 1, 2
