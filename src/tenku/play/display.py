"""The display of a session: pixelflux's Wayland compositor with its encoder, and the seat that input goes into.

One compositor lives in a process for as long as the process does, so one process runs one session.
"""

import importlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenku.base.errors import MachineError, SettingError
from tenku.play.cursors import cursor_shape
from tenku.play.frames import FrameCount
from tenku.play.model import CursorShape, Frame, Quality, Size
from tenku.play.ticks import LOOKS, Ticks
from tenku.play.typing_keys import Typist

EVDEV_TO_XKB = 8
"""pixelflux counts keys as X does: evdev code plus 8."""
KEY_NAL_TYPES = {"h264": (5, 7, 8), "h265": (16, 17, 18, 19, 20, 21, 32, 33, 34)}
TEXT_TYPES = ("text/plain;charset=utf-8", "text/plain", "UTF8_STRING")
CODECS = ("h264", "h265", "vp8", "vp9", "av1")
WEBCODECS = {
    "h264": "avc1.42e02a",
    "h265": "hvc1.1.6.L123.B0",
    "vp8": "vp8",
    "vp9": "vp09.00.40.08",
    "av1": "av01.0.08M.08",
}
"""The codec string that a browser's `VideoDecoder` is configured with."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """What will encode: a name that a person knows, and whether it is hardware."""

    name: str
    hardware: bool
    reason: str

    def sentence(self) -> str:
        """What was chosen and why."""
        return f"Encoder: {self.name}, because {self.reason}."


def load_pixelflux() -> Any:
    """The pixelflux module. Raises MachineError that names the missing library where it does not load."""
    try:
        return importlib.import_module("pixelflux")
    except ImportError as error:
        raise MachineError(
            f"The display library pixelflux does not load: {error}.",
            hint="Install libgbm1, libpixman-1-0 and libxkbcommon0, or run `tenku doctor`.",
        ) from error


def choose_encoder(pixelflux: Any, codec: str) -> Encoder:
    """The encoder for this codec, from what pixelflux reports: hardware where there is one, else software."""
    hardware: dict[str, str] = pixelflux.hardware_encoders()
    software: dict[str, str] = pixelflux.SOFTWARE_ENCODERS
    if codec in hardware:
        return Encoder(hardware[codec], hardware=True, reason="the GPU encodes it")
    if codec in software:
        return Encoder(software[codec], hardware=False, reason="no hardware encoder for it on this machine")
    raise SettingError(f"Nothing on this machine encodes {codec}.", hint=f"Try --codec {next(iter(software), 'h264')}.")


class PixelfluxDisplay:
    """The `Display` port on pixelflux.

    Args:
        run: private folder of the session, mode 0700 or 0711; the Wayland socket is made in it.
        size: the game's own size in pixels; the picture may become smaller, the game does not notice.
        fps: frames a second at most.
        codec: one of `CODECS`.
    """

    def __init__(self, run: Path, *, size: Size, fps: int, codec: str) -> None:
        self._run = run
        self._size = size
        self._codec = codec
        self._pixelflux: Any = None
        self._capture: Any = None
        self._quality: Quality | None = None
        self._on_frame: Callable[[Frame], None] | None = None
        self._typist = Typist()
        self._count = FrameCount()
        self._ticks = Ticks(best_fps=fps)
        self._looks = LOOKS
        self._sizes: dict[int, Size] = {}
        self.encoder: Encoder | None = None
        self.socket: Path | None = None

    def open(self) -> Path:
        """Start the compositor; the Wayland socket that games connect to. Raises MachineError, SettingError."""
        # pixelflux reads these two from the process environment only.
        os.environ["XDG_RUNTIME_DIR"] = str(self._run)
        os.environ.pop("WAYLAND_DISPLAY", None)
        self._pixelflux = load_pixelflux()
        self.encoder = choose_encoder(self._pixelflux, self._codec)
        auto_gpu = "true" if self.encoder.hardware else ""
        name = self._pixelflux.ensure_wayland_display(
            width=self._size.width, height=self._size.height, auto_gpu=auto_gpu
        )
        if not name:
            raise MachineError("The Wayland compositor did not start.", hint="Run `tenku doctor`.")
        self.socket = self._run / name
        self.socket.chmod(0o777)  # The folder is private; the game may run as another user.
        return self.socket

    def start(
        self,
        quality: Quality,
        *,
        on_frame: Callable[[Frame], None],
        on_cursor: Callable[[CursorShape], None],
        on_clipboard: Callable[[str], None],
    ) -> None:
        """Capture and encode; the callbacks come from the compositor's threads."""
        self._on_frame = on_frame
        self._capture = self._pixelflux.ScreenCapture()
        self._capture.set_cursor_callback(lambda *shape: on_cursor(cursor_shape(*shape)))
        self._capture.set_clipboard_callback(lambda entries: _deliver_text(entries, on_clipboard))
        self._capture_at(quality)

    def close(self) -> None:
        """Stop capturing. The compositor itself ends with the process."""
        if self._capture is not None:
            self._capture.stop_capture()
            self._capture.clear_cursor_callback()
            self._capture = None

    def apply(self, quality: Quality) -> None:
        """Change bitrate, frame rate and picture size; the game's own size stays as it is.

        To be called now and then with the same quality, too: the game may have become too fast.
        """
        before, looked = self._quality, self._looks
        self._looks = self._ticks.looks(quality.fps, time.monotonic_ns() // 1000)
        if before is None or (quality == before and self._looks == looked):
            return
        if quality.size != before.size:
            self._capture_at(quality)
            return
        # The encoder shares its bits out over all looks, of which one a frame finds something.
        self._capture.update_video_bitrate(quality.bitrate_kbps * self._looks)
        if (quality.fps, self._looks) != (before.fps, looked):
            self._capture.update_framerate(float(quality.fps * self._looks))
        self._quality = quality

    def request_key_frame(self) -> None:
        """Make the next frame a key frame."""
        self._capture.request_idr_frame()

    def invalidate(self, frame: int) -> None:
        """Predict no more from this frame: somebody does not have it."""
        self._capture.invalidate_reference(self._count.raw(frame))

    def key(self, code: int, down: bool) -> None:
        """Press or release a key by its Linux evdev code."""
        self._capture.inject_key(code + EVDEV_TO_XKB, int(down))

    def pointer_at(self, x: float, y: float) -> None:
        """Move the pointer to this place, in pixels of the game."""
        scale = self._scale()
        self._capture.inject_mouse_move(x * scale, y * scale)

    def pointer_by(self, dx: float, dy: float) -> None:
        """Move the pointer by so many pixels of the game."""
        scale = self._scale()
        self._capture.inject_relative_mouse_move(dx * scale, dy * scale)

    def button(self, code: int, down: bool) -> None:
        """Press or release a mouse button by its Linux evdev code."""
        self._capture.inject_mouse_button(code, int(down))

    def wheel(self, dx: float, dy: float) -> None:
        """Turn the wheel by so many notches; down and right are positive."""
        self._capture.inject_mouse_scroll(dx * 10.0, dy * 10.0)

    def type_text(self, text: str) -> None:
        """Type text that needs no key of its own: each character is bound to a spare key and pressed."""
        for binds, presses in self._typist.type(text):
            self._capture.set_keymap_overlay(binds)
            self._capture.inject_keys(presses)

    def offer_clipboard(self, text: str) -> None:
        """Let the game paste this text."""
        self._capture.set_clipboard([(kind, text.encode()) for kind in TEXT_TYPES])

    def windows(self) -> int:
        """How many windows the compositor shows."""
        return len(self._capture.list_windows())

    def screenshot(self) -> bytes:
        """What the compositor shows now, as PNG."""
        png: bytes = self._pixelflux.screenshot_png(0)
        return png

    def _scale(self) -> float:
        return self._quality.size.width / self._size.width if self._quality else 1.0

    def _capture_at(self, quality: Quality) -> None:
        """Start capturing, or restart it in place with another picture size."""
        self._quality = quality
        self._sizes[quality.size.height] = quality.size
        self._capture.start_capture(self._frame, self._settings(quality))

    def _settings(self, quality: Quality) -> Any:
        settings = self._pixelflux.CaptureSettings()
        settings.use_wayland = True
        settings.codec = self._codec
        settings.video_fullframe = True
        settings.omit_stripe_headers = True
        settings.video_streaming_mode = False  # Encode what changed only: the compositor looks often, see ticks.py.
        settings.video_cbr_mode = True
        settings.video_bitrate_kbps = quality.bitrate_kbps * self._looks
        settings.target_fps = float(quality.fps * self._looks)
        settings.capture_width = quality.size.width
        settings.capture_height = quality.size.height
        # The output keeps its logical size, so the game keeps its own: the compositor draws it smaller.
        settings.scale = quality.size.width / self._size.width
        settings.capture_cursor = False  # The browser draws it.
        settings.use_cpu = not (self.encoder and self.encoder.hardware)
        settings.encode_node_index = -1 if settings.use_cpu else -2
        settings.auto_gpu = "" if settings.use_cpu else "true"
        settings.cpu_encode_threading = False  # One thread: measured quicker on two cores than slices.
        return settings

    def _frame(self, raw: Any) -> None:
        """A frame from the encoder's thread."""
        if self._on_frame is None or len(raw) == 0:
            return
        self._ticks.frame(raw.encode_end_ns // 1000)
        data = memoryview(raw)
        key = raw.reference_frame_id == -1 or (raw.reference_frame_id < -1 and _is_key(data, self._codec))
        self._on_frame(
            Frame(
                number=self._count.number(raw.frame_id, key=key),
                reference=self._count.reference(raw.reference_frame_id),
                key=key,
                # Frames of the former size may still come after a change; the height tells them apart.
                size=self._sizes.get(raw.stripe_height, self._size),
                capture_us=raw.capture_ns // 1000,
                encode_start_us=raw.encode_start_ns // 1000,
                encode_end_us=raw.encode_end_ns // 1000,
                data=data,
            )
        )


def _is_key(data: memoryview, codec: str) -> bool:
    """Whether an access unit begins with what only a key frame has; for encoders that do not track references."""
    kinds = KEY_NAL_TYPES.get(codec)
    start = 4 if bytes(data[:4]) == b"\0\0\0\1" else 3
    if kinds is None or len(data) <= start:
        return False
    kind = data[start] & 0x1F if codec == "h264" else (data[start] >> 1) & 0x3F
    return kind in kinds


def _deliver_text(entries: list[tuple[str, bytes]], on_clipboard: Callable[[str], None]) -> None:
    for kind, data in entries:
        if kind in TEXT_TYPES:
            on_clipboard(bytes(data).decode(errors="replace"))
            return
