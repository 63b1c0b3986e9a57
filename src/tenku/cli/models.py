"""`tenku models`: what is installed, what can be, and what fits this machine; adds and removes models."""

import argparse
import dataclasses
import os
from typing import TYPE_CHECKING

from tenku.base.errors import UsageError
from tenku.cli.amounts import bytes_text
from tenku.cli.contents import GOES_ON, reading, settings_of
from tenku.cli.flags import add_setting_flags
from tenku.cli.progress import Bar, terminal_bar
from tenku.cli.signals import run_stoppable
from tenku.cli.studio import add_folder_flag, print_json, table, whole, workshop
from tenku.content.settings import ContentSettings

if TYPE_CHECKING:
    from tenku.content.service import ContentService
    from tenku.studio.model import InstalledModel, Json
    from tenku.studio.overview import ModelRow
    from tenku.workshop import Workshop

CONTENT_FLAGS = ("store", "trust")
MOST_CONTEXT = 1 << 22


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku models`, and its sub-commands."""
    parser.usage = "tenku models [add NAME … | remove NAME] [--kind KIND] [--json]"
    parser.add_argument("--kind", default="", metavar="KIND", help="Only these: text, image, video or speech.")
    add_folder_flag(parser)
    subs = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")

    def add(name: str, summary: str) -> argparse.ArgumentParser:
        look = parser.formatter_class
        return subs.add_parser(name, help=summary, description=summary, formatter_class=look, allow_abbrev=False)

    new = add("add", "Install a model, or accept its licence.")
    new.add_argument("name", metavar="NAME", help="What it is called here: one of `tenku models`, or your own name.")
    new.add_argument(
        "--from",
        dest="source",
        default="",
        metavar="SOURCE",
        help="FILE.gguf, hf:ORG/MODEL, modelscope:ORG/MODEL or GAME:CHANNEL. Default: where the catalogue says.",
    )
    new.add_argument("--file", default="", metavar="NAME", help="Which file of a hub's model, where it has several.")
    new.add_argument("--accept-licence", action="store_true", help="You have read its licence, and accept it.")
    new.add_argument("--context", metavar="N", help="Tokens that one chat may have. Default: 4096.")
    new.add_argument("--remote", default="", metavar="URL", help="It runs on a server with OpenAI's API, at URL/v1.")
    new.add_argument("--remote-model", default="", metavar="NAME", help="What that server calls it. Default: NAME.")
    new.add_argument("--key-variable", default="", metavar="NAME", help="The environment variable with its API key.")
    add_setting_flags(new, ContentSettings, names=CONTENT_FLAGS)
    add_folder_flag(new)

    gone = add("remove", "Delete a model from this machine.")
    gone.add_argument("name", metavar="NAME", help="One that is installed.")
    add_folder_flag(gone)


def run(args: argparse.Namespace) -> int:
    """List, add or remove."""
    with workshop(args) as shop:
        match args.action:
            case "add":
                return add_one(args, shop)
            case "remove":
                return remove(args, shop)
        return show(args, shop)


def show(args: argparse.Namespace, shop: "Workshop") -> int:
    """Print the table; 1 where an installed model cannot be read."""
    from tenku.studio.model import Kind

    if args.kind not in ("", *(kind.value for kind in Kind)):
        raise UsageError(f"There is no kind {args.kind!r}.", hint="It is text, image, video or speech.")
    rows = [row for row in shop.overview() if args.kind in ("", row.kind.value)]
    broken = shop.models.unreadable()
    if args.json:
        models = [{**dataclasses.asdict(row), "kind": row.kind.value} for row in rows]
        print_json({"models": models, "unreadable": [dataclasses.asdict(each) for each in broken]})
    else:
        print(table(("MODEL", "MAKES", "SIZE", "MEMORY", "LICENCE", "HERE", "GOOD FOR"), [line(row) for row in rows]))
        for each in broken:
            print(f"\n{each.name} cannot be read: {each.why}. Remove it, and add it again.")
    return 1 if broken else 0


def line(row: "ModelRow") -> tuple[str, ...]:
    """A model as a row of the table."""
    return (
        row.name,
        row.kind.value,
        bytes_text(row.size) if row.size else "",
        bytes_text(row.memory) if row.memory else "",
        row.licence.removeprefix("LicenseRef-").replace("-", " ") if "LicenseRef" in row.licence else row.licence,
        here(row),
        row.about,
    )


def here(row: "ModelRow") -> str:
    """What is to be said about a model on this machine, in a word or three."""
    if row.installed:
        return "licence not accepted" if not row.accepted else "installed" if row.device else "too large"
    if not row.ready:
        return "not yet"
    return "fits" if row.device else "too large"


def add_one(args: argparse.Namespace, shop: "Workshop") -> int:
    """Install a model; of an installed one, accept the licence."""
    if args.accept_licence and not args.source and not args.remote and shop.models.has(args.name):
        model = shop.models.accept(args.name)
    elif args.remote:
        if args.source:
            raise UsageError("--remote and --from exclude each other.", hint="Leave one out.")
        model = shop.add_remote(args.name, _url(args.remote), _parameters(args))
    else:
        with terminal_bar(as_json=args.json) as bar:
            added = shop.add(
                args.name,
                source=args.source,
                file=args.file,
                accept=args.accept_licence,
                parameters=_parameters(args),
                content=_content(args, bar),
                progress=bar,
                environment=os.environ,
            )
            model = run_stoppable(added, stopped=GOES_ON)
    tell(args, model)
    return 0


def remove(args: argparse.Namespace, shop: "Workshop") -> int:
    """Delete a model; results that it made stay."""
    freed = shop.models.remove(args.name)
    if args.json:
        print_json({"name": args.name, "freed": freed})
    else:
        print(f"Removed {args.name} ({bytes_text(freed)}). What it made stays.")
    return 0


def tell(args: argparse.Namespace, model: "InstalledModel") -> None:
    """Say what is installed now."""
    if args.json:
        print_json({**dataclasses.asdict(model), "kind": model.kind.value})
        return
    size = f", {bytes_text(model.size)}" if model.size else f" at {model.path}"
    print(f"Installed {model.name}: {model.kind.value}{size}, licence {model.licence}.")
    if model.kind.value == "text":
        print(f"\nTry it:  tenku make text 'a fire sword' --model {model.name}")


def _parameters(args: argparse.Namespace) -> "dict[str, Json]":
    given: dict[str, Json] = {}
    if args.context is not None:
        given["context"] = whole("--context", args.context, low=256, high=MOST_CONTEXT)
    if args.remote_model:
        given["remote_model"] = args.remote_model
    if args.key_variable:
        given["key_variable"] = args.key_variable
    return given


def _url(text: str) -> str:
    """The base URL, with the /v1 that people leave out."""
    text = text.rstrip("/")
    return text if text.endswith("/v1") else f"{text}/v1"


def _content(args: argparse.Namespace, bar: Bar) -> "ContentService | None":
    """What brings channels, where a store is set."""
    settings = settings_of(args, names=CONTENT_FLAGS)
    return reading(settings, progress=bar) if settings.store else None
