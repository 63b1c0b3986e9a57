"""Which way gamepads come to the game on this machine."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from tenku.play.pads.shim import LIBRARY, ShimPads
from tenku.play.pads.uinput import RULES, UINPUT, UinputPads
from tenku.play.ports import Pads


class GamePads(Pads, Protocol):
    """Gamepads that say what they are and what a sandbox must show for them."""

    def about(self) -> str:
        """How the game gets its gamepads, as a sentence."""

    def trouble(self) -> str:
        """Why gamepads, or one of them, are missing, as a sentence; empty while all is well."""

    def binds(self) -> tuple[tuple[Path, Path], ...]:
        """(path here, path inside) of what a sandbox must show, read-only; to be made after `start`.

        What lies in /dev inside must be shown with device access (bwrap's `--dev-bind`).
        """


class NoPads:
    """No gamepads, and the reason."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def about(self) -> str:
        return self._reason

    def trouble(self) -> str:
        return self._reason

    def binds(self) -> tuple[tuple[Path, Path], ...]:
        return ()

    def environment(self) -> dict[str, str]:
        return {}

    async def start(self, on_rumble: Callable[[int, int, int, int], None]) -> None: ...

    async def close(self) -> None: ...

    def plug(self, pad: int, name: str) -> None: ...

    def unplug(self, pad: int) -> None: ...

    def set(self, pad: int, buttons: int, axes: tuple[int, int, int, int], triggers: tuple[int, int]) -> None: ...


def choose_pads(
    run: Path, *, uinput: Path = UINPUT, rules: Sequence[Path] = RULES, library: Path = LIBRARY
) -> GamePads:
    """The kernel's gamepads where this user may make them and games may open them, else the library's, else none.

    Args:
        run: the session's private folder.
        rules: udev rules, one of which must be there for games to open the kernel's gamepads. Without one the
            library is the better choice where it was built.
    """
    writable = os.access(uinput, os.R_OK | os.W_OK)
    if writable and (any(rule.is_file() for rule in rules) or not library.is_file()):
        return UinputPads(uinput=uinput)
    if library.is_file():
        return ShimPads(run, library=library)
    return NoPads(
        f"No gamepads: {uinput} is not writable, and the library {library.name} was not built at install;"
        " install gcc and libc6-dev, then install Tenku again."
    )
