"""`tenku serve-content`: a mirror on this network, which may bring what it lacks from others."""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from tenku.base.convert import byte_count, whole
from tenku.base.errors import SettingError, UsageError
from tenku.cli.signals import stop_on_signals

PORT = 8733


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku serve-content`."""
    parser.usage = "tenku serve-content FOLDER [--from URL]... [--max-size SIZE] [OPTIONS]"
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="A store's folder; with --from the cache's own.")
    parser.add_argument(
        "--from",
        dest="upstream",
        action="append",
        default=[],
        metavar="URL",
        help="Bring what is not there from this store, check it and keep it. May be given several times.",
    )
    parser.add_argument(
        "--max-size", metavar="SIZE", help="With --from: keep at most so much, like 50G. Default: no limit."
    )
    parser.add_argument("--host", default="127.0.0.1", help="Address to listen on; 0.0.0.0: all. Default: 127.0.0.1.")
    parser.add_argument("--port", default=str(PORT), help=f"TCP port; 0: a free one. Default: {PORT}.")
    parser.add_argument("--json", action="store_true", help="Print one line of JSON with the URL, and nothing else.")


def run(args: argparse.Namespace) -> int:
    """Serve until somebody ends it; 0."""
    port = _port(args.port)
    most = _size(args.max_size)
    if most is not None and not args.upstream:
        raise UsageError("--max-size says what a cache keeps.", hint="It goes with --from URL.")
    if not args.upstream and not args.folder.is_dir():
        raise UsageError(f"{args.folder} is not a folder.", hint="Give a store's folder, or bring objects with --from.")
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(args, port, most))
    return 0


async def _serve(args: argparse.Namespace, port: int, most: int | None) -> None:
    from tenku.app import ContentServer

    stopped = stop_on_signals()
    server = ContentServer(args.folder, upstream=args.upstream, most=most, notify=_notify)
    async with server.run(args.host, port) as url:
        _say(url, args)
        await stopped.wait()


def _say(url: str, args: argparse.Namespace) -> None:
    if args.json:
        print(json.dumps({"url": url}), flush=True)
        return
    print(f"\n  Serves {args.folder} at {url}\n\n  tenku pull GAME:CHANNEL FOLDER --store {url}\n")
    print("  Ctrl-C ends it.", flush=True)


def _notify(text: str) -> None:
    print(f"tenku: {text}", file=sys.stderr, flush=True)


def _port(text: str) -> int:
    try:
        port = whole(text)
    except ValueError as error:
        raise SettingError(f"--port: {text!r} cannot be used: {error}.") from None
    if not 0 <= port <= 65535:
        raise SettingError(f"--port: {text!r} cannot be used: ports are from 0 to 65535.")
    return port


def _size(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        size = byte_count(text)
    except ValueError as error:
        raise SettingError(f"--max-size: {text!r} cannot be used: {error}.") from None
    if size <= 0:
        raise SettingError(f"--max-size: {text!r} cannot be used: it is more than nothing.")
    return size
