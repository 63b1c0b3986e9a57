"""The sound of a session: a private sound server, and the encoder that hands out what the game plays.

The encoder finds its server through this process's environment, so a process runs one session's sound.
"""

import asyncio
import importlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tenku.base.errors import MachineError
from tenku.play.model import Sound
from tenku.play.ptsclock import PtsClock
from tenku.play.soundserver import MONITOR, RATE, SoundServer
from tenku.unit.abilities import Abilities

PACKET_MS = 10
BITRATE = 128_000
COMPLEXITY = 5  # of Opus: 10 costs twice the CPU, and at this bitrate nobody hears it


class NoSound:
    """The `SoundSource` of a session without sound: the game is told to be silent rather than to look for a device."""

    async def start(self, on_sound: Callable[[Sound], None]) -> None:
        """Nothing to do: no sound will come."""

    async def close(self) -> None:
        """Nothing to do."""

    def environment(self) -> dict[str, str]:
        """Drivers that play into nothing; a game that insists on a sound device starts all the same."""
        return {"SDL_AUDIODRIVER": "dummy", "SDL_AUDIO_DRIVER": "dummy", "ALSOFT_DRIVERS": "null"}

    def paths(self) -> tuple[Path, ...]:
        """None."""
        return ()

    def trouble(self) -> str:
        """Always empty: that there is no sound was said when the session started."""
        return ""


class GameSound:
    """The `SoundSource` port on PulseAudio and pcmflux.

    Args:
        run: the session's private folder; a folder `sound` is made in it, and removed again.
        abilities: what this machine can do for processes.
    """

    def __init__(self, run: Path, *, abilities: Abilities) -> None:
        self._folder = run / "sound"
        self._server = SoundServer(self._folder, abilities=abilities)
        self._capture: Any = None
        self._watching: asyncio.Task[None] | None = None
        self._trouble = ""

    def environment(self) -> dict[str, str]:
        """What the game needs in its environment to find the sound server."""
        return self._server.environment()

    def paths(self) -> tuple[Path, ...]:
        """The folder with the server's socket and the clients' settings."""
        return (self._server.folder,)

    def trouble(self) -> str:
        """Why sound is missing or may be, as a sentence; empty while all is well."""
        if not self._trouble and self._capture is not None and self._capture.state == "failed":
            return f"Sound ended: the encoder lost its sound server ({self._capture.last_error}). The game goes on."
        return self._trouble

    async def start(self, on_sound: Callable[[Sound], None]) -> None:
        """Start the server and the encoder. Raises MachineError with the sentence that the player is shown."""
        pcmflux = _load_pcmflux()
        await self._server.start()
        # libpulse reads these with getenv, now and whenever it connects again; it takes no address otherwise.
        os.environ.update(self._server.environment())
        try:
            await asyncio.to_thread(self._start_capture, pcmflux, on_sound)
        except (RuntimeError, ValueError) as error:
            await self.close()
            raise MachineError(
                f"The sound encoder did not start: {error}.", hint="Run `tenku doctor` to see what this machine lacks."
            ) from error
        self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Stop encoding, end the server, leave nothing behind. May be called at any time, and again."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
            self._watching = None
        if self._capture is not None:
            await asyncio.to_thread(self._capture.stop_capture)
            self._capture = None
        await self._server.close()
        for name, value in self._server.environment().items():
            if os.environ.get(name) == value:
                del os.environ[name]

    def _start_capture(self, pcmflux: Any, on_sound: Callable[[Sound], None]) -> None:
        clock = PtsClock(rate=RATE, packet=RATE * PACKET_MS // 1000)

        def heard(packet: Any) -> None:
            played = clock.played(pts=packet.pts, arrival_us=time.monotonic_ns() // 1000)
            on_sound(Sound(capture_us=played, data=memoryview(packet)))

        self._capture = pcmflux.AudioCapture()
        self._capture.start_capture(_capture_settings(pcmflux), heard)

    async def _watch(self) -> None:
        """Start the server again once: the encoder connects by itself, and so does a game that is written for it."""
        await self._server.wait()
        self._trouble = (
            "The sound server ended and was started again; a game that stays silent has to be started again, too."
        )
        try:
            await self._server.start()
            await self._server.wait()
            self._trouble = "The sound server ended twice. The game goes on without sound."
        except MachineError as error:
            self._trouble = f"The sound server ended. {error} The game goes on."


def _load_pcmflux() -> Any:
    try:
        return importlib.import_module("pcmflux")
    except ImportError as error:
        raise MachineError(
            f"The sound library pcmflux does not load: {error}.", hint="Run `make setup`, or `tenku doctor`."
        ) from error


def _capture_settings(pcmflux: Any) -> Any:
    settings = pcmflux.AudioCaptureSettings()
    settings.device_name = MONITOR
    settings.sample_rate = RATE
    settings.channels = 2
    settings.frame_duration_ms = PACKET_MS
    settings.latency_ms = PACKET_MS
    settings.opus_bitrate = BITRATE
    settings.opus_complexity = COMPLEXITY
    settings.use_silence_gate = True
    settings.omit_audio_header = True
    return settings
