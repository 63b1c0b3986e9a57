"""What the session service needs from the outside; the backends are `display.py`, `audio.py`, `pads.py`,
`recording.py` and the API's WebSocket."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tenku.play.model import CursorShape, Frame, Quality, Sound


class Transport(Protocol):
    """One connection to a browser, whatever carries it: WebSocket now, WebRTC later."""

    def send(self, data: bytes) -> None:
        """Hand over one message; never waits."""

    def backlog(self) -> int:
        """Bytes handed over that have not left this machine yet. Not 0 means: the next frame would be late."""

    def network_clear(self, now_us: int) -> bool:
        """Whether it is known that the network between here and the browser holds nothing back just now."""

    def close(self, code: int, reason: str) -> None:
        """End the connection and tell the browser why."""


class Display(Protocol):
    """A compositor with an encoder, and the seat that input goes into.

    The callbacks are called from the display's own threads.
    """

    def start(
        self,
        quality: Quality,
        *,
        on_frame: Callable[[Frame], None],
        on_cursor: Callable[[CursorShape], None],
        on_clipboard: Callable[[str], None],
    ) -> None: ...

    def close(self) -> None: ...

    def apply(self, quality: Quality) -> None:
        """Change bitrate, frame rate and picture size; the game's own size stays as it is."""

    def request_key_frame(self) -> None: ...

    def invalidate(self, frame: int) -> None:
        """Predict no more from this frame: somebody does not have it."""

    def key(self, code: int, down: bool) -> None:
        """Linux evdev code."""

    def pointer_at(self, x: float, y: float) -> None:
        """Pixels of the game."""

    def pointer_by(self, dx: float, dy: float) -> None: ...

    def button(self, code: int, down: bool) -> None:
        """Linux evdev code: 272 left, 273 right, 274 middle, 275 side, 276 extra."""

    def wheel(self, dx: float, dy: float) -> None:
        """Notches; down and right are positive."""

    def type_text(self, text: str) -> None: ...

    def offer_clipboard(self, text: str) -> None:
        """Let Wayland clients paste this text."""


class SoundSource(Protocol):
    """The session's private sound server and its encoder. `on_sound` is called from the encoder's thread."""

    async def start(self, on_sound: Callable[[Sound], None]) -> None: ...

    async def close(self) -> None: ...

    def environment(self) -> dict[str, str]:
        """What the game needs in its environment to find the sound server."""

    def paths(self) -> tuple[Path, ...]:
        """Files and folders that the game must see, at the same place."""

    def trouble(self) -> str:
        """Why sound is missing or may be, as a sentence; empty while all is well."""


class Pads(Protocol):
    """Up to four virtual gamepads that the game sees."""

    async def start(self, on_rumble: Callable[[int, int, int, int], None]) -> None:
        """`on_rumble(pad, strong, weak, duration_ms)`: what the game asks one of its gamepads 0-3 for."""

    async def close(self) -> None: ...

    def environment(self) -> dict[str, str]:
        """What the game needs in its environment to see the gamepads."""

    def plug(self, pad: int, name: str) -> None: ...

    def unplug(self, pad: int) -> None: ...

    def set(self, pad: int, buttons: int, axes: tuple[int, int, int, int], triggers: tuple[int, int]) -> None:
        """The whole state, in the units of `protocol.Pad`."""


class Recorder(Protocol):
    """A file that what was streamed is written to. `frame` and `sound` never wait, whatever the disk does."""

    def start(self) -> None:
        """Make the file and ask for a key frame. Raises SettingError where the file cannot be made."""

    def frame(self, frame: Frame) -> None:
        """The next picture; every one that the encoder makes, for each is predicted from the one before."""

    def sound(self, sound: Sound) -> None:
        """The next packet of sound."""

    def finish(self) -> str:
        """Write what is left and close the file; a sentence that says what was recorded. Waits for the disk."""

    def trouble(self) -> str:
        """Why the recording ended early, as a sentence; empty while all is well."""
