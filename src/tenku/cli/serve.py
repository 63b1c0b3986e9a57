"""`tenku serve`: the API of the studio, for OpenAI's clients and for jobs."""

import argparse
import asyncio
import importlib.util
import json
import sys
from typing import TYPE_CHECKING

from tenku.base.errors import MachineError
from tenku.cli.areas import load_settings
from tenku.cli.flags import add_setting_flags
from tenku.cli.signals import stop_on_signals
from tenku.cli.studio import EXTRA
from tenku.control.serving import ServeSettings
from tenku.control.settings import ControlSettings
from tenku.studio.settings import StudioSettings

if TYPE_CHECKING:
    from tenku.app import Serving

CONTROL_FLAGS = ("database", "budget_s")
STUDIO_FLAGS = ("folder", "threads", "memory")
"""Settings of other areas that are flags here."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku serve`."""
    add_setting_flags(parser, ServeSettings)
    add_setting_flags(parser, ControlSettings, names=CONTROL_FLAGS)
    add_setting_flags(parser, StudioSettings, names=STUDIO_FLAGS)
    parser.add_argument("--json", action="store_true", help="Print one line of JSON with URL and token, nothing else.")
    parser.add_argument("--verbose", action="store_true", help="Show what the worker's libraries print, too.")


def run(args: argparse.Namespace) -> int:
    """Serve until somebody ends it; 0."""
    check_installed()
    settings = load_settings(ServeSettings, args)
    control = load_settings(ControlSettings, args, names=CONTROL_FLAGS)
    studio = load_settings(StudioSettings, args, names=STUDIO_FLAGS)
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(args, settings, control, studio))
    return 0


def check_installed() -> None:
    """Raises MachineError: a library of the studio is missing."""
    for name in (*EXTRA, "fastapi"):
        if importlib.util.find_spec(name) is None:
            raise MachineError(
                f"tenku serve needs {name}, which is not installed.", hint="Run `pip install 'tenku[studio]'`."
            )


async def _serve(
    args: argparse.Namespace, settings: ServeSettings, control: ControlSettings, studio: StudioSettings
) -> None:
    from tenku.app import StudioServer

    stopped = stop_on_signals()

    def on_line(line: str) -> None:
        # The libraries tell of every layer that they load; what the worker itself says begins with its name.
        if args.verbose or line.startswith("worker: "):
            _notify(line)

    server = StudioServer(settings, control=control, studio=studio, notify=_notify, on_line=on_line)
    async with server.run() as serving:
        _say(serving, args)
        await stopped.wait()


def _say(serving: "Serving", args: argparse.Namespace) -> None:
    token = serving.first_token.reveal() if serving.first_token else None
    if args.json:
        print(json.dumps({"url": serving.url, "token": token}), flush=True)
        return
    print(f"\n  Studio page:   {serving.url}/studio{f'#token={token}' if token else ''}")
    print(f"  OpenAI's API:  {serving.url}/v1\n  Jobs, models:  {serving.url}/api")
    if token is not None:
        print(f"  Token:         {token}\n\n  It is shown this once: keep it. `tenku tokens new NAME` makes more.")
    print("\n  Ctrl-C ends it.", flush=True)


def _notify(text: str) -> None:
    print(f"tenku: {text}", file=sys.stderr, flush=True)
