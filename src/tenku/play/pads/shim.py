"""Gamepads without the kernel's help: a preloaded library shows the game a private /dev/input.

The library, `shim.c` with `device.c`, is built when Tenku is installed. It is tested with SDL 2 and with plain
readers of eventN and jsN, in threads and after fork too, and made for everything that calls the C library (SDL 1.2 and
3, GLFW). It cannot help statically linked and 32-bit programs (for those ld.so prints one warning and goes on), nor
programs that find gamepads by libudev alone.
"""

import logging
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tenku.base.errors import MachineError
from tenku.play.pads.node import Node
from tenku.play.pads.opened import EVENT_FACE, JS_FACE, Face
from tenku.play.pads.rumble import Shake
from tenku.play.pads.xbox import state_of

log = logging.getLogger(__name__)

LIBRARY = Path(__file__).parent / "libtenkupads.so"
LONGEST_PATH = 107
"""Bytes in the path of a unix socket."""

SDL_ENVIRONMENT = {
    # Watch /dev/input instead of asking udev, which knows nothing of the sandbox or of these pads.
    "SDL_JOYSTICK_DISABLE_UDEV": "1",
    # Else SDL leaves pads of this make to its own driver, which looks for real USB devices.
    "SDL_JOYSTICK_HIDAPI": "0",
    # One game has the whole session; without a window manager SDL may think that its window lacks the focus.
    "SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS": "1",
}


class ShimPads:
    """The `Pads` port by LD_PRELOAD.

    Args:
        run: the session's private folder; `pads/` in it is made by `start` and removed by `close`.
        library: the built shim.c.
    """

    def __init__(self, run: Path, *, library: Path = LIBRARY) -> None:
        self._home = run.absolute() / "pads"
        self._devices = self._home / "input"
        self._library = library.absolute()
        self._nodes: dict[int, tuple[Node, ...]] = {}
        self._trouble = ""
        self._on_rumble: Callable[[int, int, int, int], None] = _ignore

    def about(self) -> str:
        """How the game gets its gamepads, as a sentence."""
        return "Gamepads come through a preloaded library, which 32-bit and statically linked games do not see."

    def trouble(self) -> str:
        """Why a gamepad is missing, as a sentence; empty while all is well."""
        return self._trouble

    def binds(self) -> tuple[tuple[Path, Path], ...]:
        """(path here, path inside) of what a sandbox must show, read-only; ready after `start`.

        The folder is shown twice: the library looks at the same path with and without a sandbox, and a program
        that lists /dev/input past the library finds it there.
        """
        return (
            (self._devices, self._devices),
            (self._devices, Path("/dev/input")),
            (self._library, self._library),
        )

    def environment(self) -> dict[str, str]:
        """What the game needs; a game that preloads something itself needs both, separated by a colon."""
        return SDL_ENVIRONMENT | {"LD_PRELOAD": str(self._library), "TENKU_PADS": str(self._devices)}

    async def start(self, on_rumble: Callable[[int, int, int, int], None]) -> None:
        """Make the folder. Raises MachineError: its path is too long for sockets."""
        if len(os.fsencode(self._devices / "event0")) > LONGEST_PATH:
            raise MachineError(
                f"The folder {self._devices} has too long a path for gamepads.",
                hint="Set XDG_RUNTIME_DIR to a shorter one.",
            )
        self._on_rumble = on_rumble
        shutil.rmtree(self._home, ignore_errors=True)
        self._devices.mkdir(parents=True)
        self._home.chmod(0o711)
        self._devices.chmod(0o755)  # the game may run as another user

    async def close(self) -> None:
        """Unplug what is left and remove the folder."""
        for pad in tuple(self._nodes):
            self.unplug(pad)
        shutil.rmtree(self._home, ignore_errors=True)

    def plug(self, pad: int, name: str) -> None:  # noqa: ARG002 - every pad has the name that games know
        """Let the game see a pad, as an Xbox 360 one whatever the player's is called. Failing is told by `trouble`."""
        if pad in self._nodes:
            return
        self._nodes[pad] = tuple(self._node(face, pad) for face in (EVENT_FACE, JS_FACE))
        try:
            for node in self._nodes[pad]:
                node.start()
        except OSError as error:  # the disk is full, no descriptors are left, or the game put something in the way
            self.unplug(pad)
            self._trouble = f"Gamepad {pad + 1} could not be plugged in: {error}."
            log.warning("%s", self._trouble)

    def unplug(self, pad: int) -> None:
        """Take a pad from the game; nothing where none is plugged."""
        for node in self._nodes.pop(pad, ()):
            node.close()

    def set(self, pad: int, buttons: int, axes: tuple[int, int, int, int], triggers: tuple[int, int]) -> None:
        """Show the pad's state; nothing where none is plugged."""
        state = state_of(buttons, axes, triggers)
        for node in self._nodes.get(pad, ()):
            node.show(state)

    def _node(self, face: Face, pad: int) -> Node:
        name = f"{face.prefix}{pad}"
        return Node(face, pad, path=self._devices / name, staging=self._home / name, on_shake=partial(self._shake, pad))

    def _shake(self, pad: int, shake: Shake) -> None:
        self._on_rumble(pad, shake.strong, shake.weak, shake.duration_ms)


def _ignore(pad: int, strong: int, weak: int, duration_ms: int) -> None:
    """Before `start` there is nobody to tell."""
