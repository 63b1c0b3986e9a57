"""The parts of a session, started in order and ended in reverse: display, sound, gamepads, X server, game."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenku.base.errors import MachineError
from tenku.play.choose_display import DisplayChoice
from tenku.play.display import WEBCODECS, PixelfluxDisplay
from tenku.play.homes import prepare_home, tidy_home
from tenku.play.launch import (
    Surroundings,
    graphics_surroundings,
    home_of,
    launch_spec,
    shared,
    wayland_surroundings,
    x11_surroundings,
)
from tenku.play.manifest import Manifest
from tenku.play.model import CursorShape, Frame, Quality, Sound
from tenku.play.pads.choose import GamePads
from tenku.play.ports import Recorder, SoundSource
from tenku.play.settings import DisplayKind, PlaySettings
from tenku.play.sound import NoSound
from tenku.play.xclipboard import XClipboard
from tenku.play.xserver import XServer
from tenku.unit.abilities import Abilities
from tenku.unit.exit import Exit
from tenku.unit.process import Process
from tenku.unit.spec import Bind

STOP_GRACE_S = 5.0
"""How long a game has to save and go when it is asked to."""


@dataclass(frozen=True, kw_only=True)
class Events:
    """Who is told what: the display's callbacks come from its own threads, the others from the event loop."""

    frame: Callable[[Frame], None]
    cursor: Callable[[CursorShape], None]
    clipboard: Callable[[str], None]
    sound: Callable[[Sound], None]
    rumble: Callable[[int, int, int, int], None]
    notice: Callable[[str], None]


class Parts:
    """Everything that a session runs on, besides the people.

    Args:
        program: absolute path of the game's program.
        run: private folder of the session.
        on_line: told each line that the game prints.
        report: told what was chosen, and what became of the recording.
    """

    def __init__(
        self,
        *,
        manifest: Manifest,
        program: str,
        run: Path,
        settings: PlaySettings,
        abilities: Abilities,
        display: PixelfluxDisplay,
        choice: DisplayChoice,
        sound: SoundSource,
        pads: GamePads,
        recorder: Recorder | None,
        on_line: Callable[[str], None],
        report: Callable[[str], None],
    ) -> None:
        self.display = display
        self.pads = pads
        self.no_sound = "" if manifest.sound else "The game is set to run without sound."
        self._manifest = manifest
        self._program = program
        self._run = run
        self._settings = settings
        self._abilities = abilities
        self._choice = choice
        self._sound = sound
        self._recorder = recorder
        self._on_line = on_line
        self._report = report
        self._home = home_of(manifest, settings)
        self._xserver: XServer | None = None
        self._xclipboard: XClipboard | None = None
        self._game: Process | None = None
        self._told: set[str] = set()

    async def start(self, quality: Quality, events: Events) -> None:
        """Start everything, the game last. Raises TenkuError; `close` ends what was started."""
        socket = self.display.open()
        if self.display.encoder is not None:
            self._report(self.display.encoder.sentence())
        self.display.start(quality, on_frame=events.frame, on_cursor=events.cursor, on_clipboard=events.clipboard)
        around = graphics_surroundings()
        around |= await self._open_screen(socket, events)
        around |= await self._open_sound(events)
        around |= await self._open_pads(events)
        if self._recorder is not None:
            self._recorder.start()
        prepare_home(self._home, self._manifest.saves)
        spec = launch_spec(
            self._manifest, self._program, size=quality.size, settings=self._settings, home=self._home, around=around
        )
        self._game = Process(spec, abilities=self._abilities, scratch=self._run, on_line=self._on_line)
        await self._game.start()

    async def wait_game(self) -> Exit:
        """Wait until the game has ended."""
        assert self._game is not None
        return await self._game.wait()

    async def close(self) -> None:
        """End everything that runs, the game first so that it can save."""
        if self._game is not None:
            await self._game.stop(grace=STOP_GRACE_S)
        tidy_home(self._home, self._manifest.saves)
        if self._recorder is not None:
            self._report(await asyncio.to_thread(self._recorder.finish))
        await self.pads.close()
        await self._sound.close()
        if self._xclipboard is not None:
            await self._xclipboard.close()
        if self._xserver is not None:
            await self._xserver.close()
        self.display.close()

    def record(self, item: Frame | Sound) -> None:
        """Give a picture or a packet of sound to the recording, if there is one."""
        if self._recorder is None:
            return
        if isinstance(item, Frame):
            self._recorder.frame(item)
        else:
            self._recorder.sound(item)

    def offer_clipboard(self, text: str) -> None:
        """Let the game paste this text, whichever clipboard it looks in."""
        self.display.offer_clipboard(text)
        if self._xclipboard is not None:
            self._xclipboard.offer(text)

    @property
    def recording(self) -> bool:
        """Whether what is streamed is recorded."""
        return self._recorder is not None

    def windows(self) -> int:
        """How many windows the game has opened."""
        return self.display.windows()

    def about(self) -> dict[str, Any]:
        """What the page is told of the parts."""
        about: dict[str, Any] = {"game": self._manifest.name, "codec": WEBCODECS[self._settings.codec.value]}
        if self.no_sound:
            return {**about, "sound": False, "sound_reason": self.no_sound}
        return {**about, "sound": True}

    def troubles(self) -> list[str]:
        """What has gone wrong since the last call without ending the session, each told once."""
        recording = self._recorder.trouble() if self._recorder is not None else ""
        new = [text for text in (recording, self._sound.trouble()) if text and text not in self._told]
        self._told.update(new)
        return new

    async def _open_screen(self, socket: Path, events: Events) -> Surroundings:
        if self._choice.kind is DisplayKind.WAYLAND:
            return wayland_surroundings(socket)
        self._xserver = XServer(
            self._run, wayland=socket, shared_memory=not self._settings.sandbox, abilities=self._abilities
        )
        await self._xserver.start()
        await self._open_xclipboard(self._xserver, events)
        return x11_surroundings(self._xserver.display, self._xserver.authority)

    async def _open_xclipboard(self, server: XServer, events: Events) -> None:
        clipboard = XClipboard(server.display, server.authority, on_text=events.clipboard)
        try:
            await clipboard.start()
        except MachineError as error:
            # A game without copy and paste is better than none.
            events.notice(error.sentence())
            return
        self._xclipboard = clipboard

    async def _open_sound(self, events: Events) -> Surroundings:
        try:
            await self._sound.start(events.sound)
        except MachineError as error:
            # A silent game is better than none.
            self.no_sound = error.sentence()
            self._sound = NoSound()
            events.notice(self.no_sound)
        return Surroundings(environment=self._sound.environment(), binds=shared(*self._sound.paths()))

    async def _open_pads(self, events: Events) -> Surroundings:
        await self.pads.start(events.rumble)
        binds = tuple(Bind(source=here, target=inside) for here, inside in self.pads.binds())
        return Surroundings(environment=self.pads.environment(), binds=binds)
