"""`tenku play`: play a game of this machine in a browser."""

import argparse
import asyncio
import io
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

from tenku.base.errors import UsageError
from tenku.cli.areas import load_settings
from tenku.cli.flags import add_setting_flags
from tenku.cli.native import native_output_hidden
from tenku.cli.signals import stop_on_signals
from tenku.content.model import parse_channel
from tenku.content.settings import ContentSettings
from tenku.play.manifest import Manifest, command_manifest, demo_manifest, read_manifest
from tenku.play.settings import PlaySettings

if TYPE_CHECKING:
    from tenku.play.session import Ending

T = TypeVar("T")

CHANNEL_FLAGS = ("store", "trust", "games")
"""Content settings that are flags here; the others come from the environment and config.toml."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `tenku play` takes."""
    parser.usage = "tenku play [OPTIONS] [FOLDER | GAME:CHANNEL | -- COMMAND [ARG ...]]"
    parser.add_argument(
        "game",
        nargs="?",
        metavar="FOLDER | GAME:CHANNEL",
        help="A game's folder, with a tenku.toml, or a channel, whose build is brought first. None: the demo, OpenTTD.",
    )
    parser.add_argument("--json", action="store_true", help="Print one line of JSON with the links, and nothing else.")
    parser.add_argument("--verbose", action="store_true", help="Show what the libraries print, too.")
    add_setting_flags(parser, PlaySettings)
    add_setting_flags(parser, ContentSettings, names=CHANNEL_FLAGS)


def run(args: argparse.Namespace) -> int:
    """Play until the game or the host ends it; the game's exit code."""
    settings = load_settings(PlaySettings, args)
    manifest = _manifest(args)
    import uvloop  # A frame costs the event loop a third less with it.

    with (
        native_output_hidden(unless=args.verbose) as (out, err),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_play(manifest, settings, Terminal(out, err, as_json=args.json)))


def _manifest(args: argparse.Namespace) -> Manifest:
    command: list[str] | None = args.rest
    if command is not None and args.game is not None:
        raise UsageError(
            "Both a folder or channel and a command are given.", hint="Give one: FOLDER, GAME:CHANNEL or -- COMMAND."
        )
    if command is not None:
        if not command:
            raise UsageError("There is no command after `--`.", hint="Try: tenku play -- supertux2")
        return command_manifest(tuple(command))
    if args.game is None:
        return demo_manifest()
    return read_manifest(_brought(args) if _is_channel(args.game) else Path(args.game))


def _is_channel(text: str) -> bool:
    """Whether the text is written like a channel, and is no folder that is there."""
    return ":" in text and "/" not in text and not Path(text).exists()


def _brought(args: argparse.Namespace) -> Path:
    """The folder with the newest build of the channel."""
    from tenku.cli.brought import bring

    return bring(args, parse_channel(args.game), names=CHANNEL_FLAGS)


class Terminal:
    """What the person at the terminal reads: one JSON line and errors, or links, a QR code and notices."""

    def __init__(self, out: TextIO, err: TextIO, *, as_json: bool) -> None:
        self._out = out
        self._err = err
        self._as_json = as_json

    def notice(self, text: str) -> None:
        """Something worth knowing; never on standard output, which belongs to the links."""
        print(f"tenku: {text}", file=self._err, flush=True)

    def line(self, text: str) -> None:
        """A line that the game printed."""
        print(f"  | {text}", file=self._err, flush=True)

    def ready(self, *, session: str, player_url: str, viewer_url: str) -> None:
        """The game can be played."""
        if self._as_json:
            print(
                json.dumps({"session": session, "player_url": player_url, "viewer_url": viewer_url}),
                file=self._out,
                flush=True,
            )
            return
        print(f"\n  Play:   {player_url}\n  Watch:  {viewer_url}\n\n{_qr(player_url)}", file=self._out)
        print("  Ctrl-C ends the game.", file=self._out, flush=True)

    def ended(self, ending: "Ending") -> None:
        """The game is over."""
        self.notice(ending.reason)


def _qr(url: str) -> str:
    import segno

    out = io.StringIO()
    segno.make(url, error="l").terminal(out=out, compact=True, border=2)
    return out.getvalue()


async def _play(manifest: Manifest, settings: PlaySettings, terminal: Terminal) -> int:
    from tenku.app import Play  # Heavy: the display, the server.

    stopped = stop_on_signals()
    play = Play(manifest, settings, notify=terminal.notice, on_line=terminal.line)
    async with play.run() as running:
        if await _unless(stopped, running.session.wait_ready()):
            terminal.ready(session=running.session.id, player_url=running.player_url, viewer_url=running.viewer_url)
        ending = await _unless(stopped, running.session.wait_over())
    if ending is None:
        terminal.notice("The game was ended.")
        return 0
    terminal.ended(ending)
    return ending.code


async def _unless(stopped: asyncio.Event, waiting: Coroutine[None, None, T]) -> T | None:
    """What is waited for, or None when somebody asked the command to end before."""
    task, stop = asyncio.create_task(waiting), asyncio.create_task(stopped.wait())
    await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
    result = task.result() if task.done() else None
    task.cancel()
    stop.cancel()
    return result
