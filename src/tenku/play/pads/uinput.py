"""Gamepads that the kernel makes, through /dev/uinput: every program sees them, static and 32-bit ones too.

Written against the kernel's documented interface (Documentation/input/uinput.rst, linux/uinput.h); not run on the
development machines, whose kernel has no uinput. What is pure about it is tested.
"""

import asyncio
import fcntl
import logging
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tenku.play.pads import evdev
from tenku.play.pads.rumble import Motors, Shake
from tenku.play.pads.shim import SDL_ENVIRONMENT
from tenku.play.pads.xbox import (
    AXES,
    EFFECT_SLOTS,
    EFFECTS,
    KEYS,
    NAME,
    PRODUCT,
    VENDOR,
    VERSION,
    PadState,
    event_records,
    state_of,
)

log = logging.getLogger(__name__)

UINPUT = Path("/dev/uinput")
RULES = (
    Path("/etc/udev/rules.d/70-tenku-pads.rules"),
    Path("/usr/lib/udev/rules.d/70-tenku-pads.rules"),
)
"""Where the machine may have the udev rule that lets games open the devices; `examples/pads/` has it."""
PHYS = "tenku/pad"
"""What the rule knows the devices by; the pad's number follows."""
READ_EVENTS = 64


class UinputPads:
    """The `Pads` port by the kernel.

    The new /dev/input/eventN belong to root and the group `input`; games run as neither, so a udev rule must open
    them. They belong to the whole machine: other sessions on it see them too, and a sandboxed game is shown all of
    /dev/input, where file permissions keep the machine's own keyboards from it.
    """

    def __init__(self, *, uinput: Path = UINPUT) -> None:
        self._uinput = uinput
        self._devices: dict[int, KernelPad] = {}
        self._trouble = ""
        self._on_rumble: Callable[[int, int, int, int], None] = _ignore

    def about(self) -> str:
        """How the game gets its gamepads, as a sentence."""
        return f"Gamepads come from the kernel through {self._uinput}."

    def trouble(self) -> str:
        """Why a gamepad is missing, as a sentence; empty while all is well."""
        return self._trouble

    def binds(self) -> tuple[tuple[Path, Path], ...]:
        """(path here, path inside) that a sandbox must show with device access (bwrap's `--dev-bind`)."""
        return ((Path("/dev/input"), Path("/dev/input")),)

    def environment(self) -> dict[str, str]:
        """What the game needs: SDL shall watch /dev/input, since no udev speaks into a sandbox."""
        return dict(SDL_ENVIRONMENT)

    async def start(self, on_rumble: Callable[[int, int, int, int], None]) -> None:
        """Remember whom to tell; devices come with `plug`."""
        self._on_rumble = on_rumble

    async def close(self) -> None:
        """Unplug what is left."""
        for pad in tuple(self._devices):
            self.unplug(pad)

    def plug(self, pad: int, name: str) -> None:  # noqa: ARG002 - every pad has the name that games know
        """Make a device, an Xbox 360 pad whatever the player's is called. Failing is told by `trouble`."""
        if pad in self._devices:
            return
        device = KernelPad(pad, on_shake=partial(self._shake, pad))
        try:
            device.start(self._uinput)
        except OSError as error:
            device.close()
            self._trouble = f"Gamepad {pad + 1} could not be plugged in: {self._uinput} says {error.strerror}."
            log.warning("%s", self._trouble)
            return
        self._devices[pad] = device

    def unplug(self, pad: int) -> None:
        """Remove a device; nothing where there is none."""
        if device := self._devices.pop(pad, None):
            device.close()

    def set(self, pad: int, buttons: int, axes: tuple[int, int, int, int], triggers: tuple[int, int]) -> None:
        """Show the pad's state; nothing where none is plugged."""
        if device := self._devices.get(pad):
            device.show(state_of(buttons, axes, triggers))

    def _shake(self, pad: int, shake: Shake) -> None:
        self._on_rumble(pad, shake.strong, shake.weak, shake.duration_ms)


class KernelPad:
    """One uinput device. The kernel gives it to every reader and asks back for rumble."""

    def __init__(self, pad: int, *, on_shake: Callable[[Shake], None]) -> None:
        self._pad = pad
        self._on_shake = on_shake
        self._loop = asyncio.get_running_loop()
        self._motors = Motors()
        self._shown = PadState()
        self._file = -1

    def start(self, uinput: Path) -> None:
        """Open uinput and describe the pad. Raises OSError."""
        self._file = os.open(uinput, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        for request, argument in description(self._pad):
            fcntl.ioctl(self._file, request, argument)
        fcntl.ioctl(self._file, evdev.UI_DEV_CREATE)
        self._loop.add_reader(self._file, self._read)

    def show(self, state: PadState) -> None:
        """Write what changed. The kernel keeps the state: what it did not take now, it gets with the next change."""
        try:
            if records := event_records(self._shown, state, now_ns=time.time_ns()):
                os.write(self._file, records)
        except BlockingIOError:
            return
        self._shown = state

    def close(self) -> None:
        """Remove the device; the kernel does, when the file closes."""
        if self._file < 0:
            return
        self._loop.remove_reader(self._file)
        os.close(self._file)
        self._file = -1

    def _read(self) -> None:
        try:
            data = os.read(self._file, READ_EVENTS * evdev.EVENT.size)
        except BlockingIOError:
            return
        for _seconds, _micros, kind, code, value in evdev.EVENT.iter_unpack(data):
            if kind == evdev.EV_FF:
                self._shake(self._motors.event(code, value))
            elif kind == evdev.EV_UINPUT and code == evdev.UI_FF_UPLOAD:
                self._shake(self._take_effect(value))
            elif kind == evdev.EV_UINPUT and code == evdev.UI_FF_ERASE:
                self._shake(self._drop_effect(value))

    def _take_effect(self, request: int) -> Shake | None:
        """The game's ioctl waits in the kernel until the answer is in; it may have given up meanwhile."""
        upload = bytearray(evdev.FF_UPLOAD.pack(request, 0, b"", b""))
        if not self._ask(evdev.UI_BEGIN_FF_UPLOAD, upload):
            return None
        effect = evdev.FF_UPLOAD.unpack(upload)[2]
        shake = self._motors.upload(evdev.EFFECT.unpack(effect)[1], effect)
        self._ask(evdev.UI_END_FF_UPLOAD, upload)
        return shake

    def _drop_effect(self, request: int) -> Shake | None:
        erase = bytearray(evdev.FF_ERASE.pack(request, 0, 0))
        if not self._ask(evdev.UI_BEGIN_FF_ERASE, erase):
            return None
        shake = self._motors.erase(evdev.FF_ERASE.unpack(erase)[2])
        self._ask(evdev.UI_END_FF_ERASE, erase)
        return shake

    def _ask(self, request: int, argument: bytearray) -> bool:
        try:
            fcntl.ioctl(self._file, request, argument)
        except OSError:
            return False
        return True

    def _shake(self, shake: Shake | None) -> None:
        if shake is not None:
            self._on_shake(shake)


def description(pad: int) -> list[tuple[int, int | bytes]]:
    """The ioctls, request and argument, that describe an Xbox 360 pad to uinput, in order."""
    calls: list[tuple[int, int | bytes]] = [
        (evdev.UI_SET_EVBIT, kind) for kind in (evdev.EV_KEY, evdev.EV_ABS, evdev.EV_FF)
    ]
    calls += [(evdev.UI_SET_KEYBIT, code) for code in KEYS]
    calls += [(evdev.UI_SET_FFBIT, code) for code in EFFECTS]
    for axis in AXES:
        info = evdev.ABSINFO.pack(0, axis.low, axis.high, 0, axis.flat, 0)
        calls += [(evdev.UI_SET_ABSBIT, axis.code), (evdev.UI_ABS_SETUP, evdev.ABS_SETUP.pack(axis.code, info))]
    calls.append((evdev.UI_SET_PHYS, f"{PHYS}{pad}\0".encode()))
    setup = evdev.SETUP.pack(evdev.BUS_USB, VENDOR, PRODUCT, VERSION, NAME.encode(), EFFECT_SLOTS)
    return [*calls, (evdev.UI_DEV_SETUP, setup)]


def _ignore(pad: int, strong: int, weak: int, duration_ms: int) -> None:
    """Before `start` there is nobody to tell."""
