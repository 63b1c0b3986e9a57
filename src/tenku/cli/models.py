"""`tenku models`: what is installed, what can be, and what fits this machine; adds and removes models."""

import argparse
import dataclasses
import json
import math
import os
import re
from typing import TYPE_CHECKING

from tenku.base.errors import UsageError
from tenku.cli.amounts import bytes_text
from tenku.cli.contents import GOES_ON, reading, settings_of
from tenku.cli.flags import add_setting_flags
from tenku.cli.progress import Bar, terminal_bar
from tenku.cli.signals import run_stoppable
from tenku.cli.studio import add_folder_flag, print_json, table, whole, workshop
from tenku.content.settings import ContentSettings
from tenku.studio.model import Kind

if TYPE_CHECKING:
    from tenku.content.service import ContentService
    from tenku.studio.model import InstalledModel, Json
    from tenku.studio.overview import ModelRow
    from tenku.workshop import Workshop

CONTENT_FLAGS = ("store", "trust")
MOST_CONTEXT = 1 << 22
EXAMPLES = {
    Kind.TEXT: "'a fire sword'",
    Kind.IMAGE: "'potion icon'",
    Kind.VIDEO: "'a dragon circles a tower'",
    Kind.SOUND: "'wind in tall trees'",
    Kind.SPEECH: "'The gate is open.'",
}
FROM_WORDS = {"make", "text"}
"""Tasks of models, as their records have them, that need nothing but a prompt."""
BEGUN = {
    "edit": " --task edit --from potion.png",
    "layers": " --task layers --from potion.png",
    "frame": " --from first.png",
}
"""What others begin from."""
KINDS = "text, image, video, sound or speech"
REMOTE_KINDS = ("text", "speech", "video")
"""What a server with OpenAI's API can make for us; video with DashScope's."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku models`, and its sub-commands."""
    parser.usage = "tenku models [add NAME … | remove NAME] [--kind KIND] [--json]"
    parser.add_argument("--kind", default="", metavar="KIND", help=f"Only these: {KINDS}.")
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
        help="FILE.gguf, FOLDER, hf:ORG/MODEL, modelscope:ORG/MODEL or GAME:CHANNEL. Default: the catalogue's.",
    )
    new.add_argument("--file", default="", metavar="NAME", help="Which file of a hub's model, where it has several.")
    new.add_argument("--accept-licence", action="store_true", help="You have read its licence, and accept it.")
    new.add_argument("--context", metavar="N", help="Tokens that one chat may have. Default: 4096.")
    new.add_argument(
        "--set",
        dest="given",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="How its engine runs it, as docs/images.md says: offload=model, storage=fp8, steps=4. Several times.",
    )
    new.add_argument("--remote", default="", metavar="URL", help="It runs on a server with OpenAI's API, at URL/v1.")
    new.add_argument(
        "--makes",
        default="text",
        choices=REMOTE_KINDS,
        help="What the server's model makes: text or speech; video by DashScope's API.",
    )
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
    if args.kind not in ("", *(kind.value for kind in Kind)):
        raise UsageError(f"There is no kind {args.kind!r}.", hint=f"It is {KINDS}.")
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
    slow = row.device == "cpu" and row.kind in (Kind.IMAGE, Kind.VIDEO)
    fits = (
        "runs elsewhere"
        if row.device == "remote"
        else "fits in parts"
        if row.offload
        else "slow here"
        if slow
        else "fits"
    )
    if row.installed:
        return "licence not accepted" if not row.accepted else "installed" if row.device else "too large"
    return fits if row.device else "too large"


def add_one(args: argparse.Namespace, shop: "Workshop") -> int:
    """Install a model; of an installed one, accept the licence."""
    if args.accept_licence and not args.source and not args.remote and shop.models.has(args.name):
        model = shop.models.accept(args.name)
    elif args.remote:
        if args.source:
            raise UsageError("--remote and --from exclude each other.", hint="Leave one out.")
        model = shop.add_remote(args.name, _url(args.remote), _parameters(args), kind=Kind(args.makes))
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
    print(f"\nTry it:  tenku make {model.kind.value} {EXAMPLES[model.kind]} --model {model.name}{begun_with(model)}")


def begun_with(model: "InstalledModel") -> str:
    """The flags that an example needs, as its model makes nothing from words alone; empty: it does."""
    tasks = model.parameters.get("tasks")
    if not isinstance(tasks, list) or not tasks or set(tasks) & FROM_WORDS:
        return ""
    return BEGUN.get(str(tasks[0]), "")


def _parameters(args: argparse.Namespace) -> "dict[str, Json]":
    given: dict[str, Json] = {}
    if args.context is not None:
        given["context"] = whole("--context", args.context, low=256, high=MOST_CONTEXT)
    if args.remote_model:
        given["remote_model"] = args.remote_model
    if args.key_variable:
        given["key_variable"] = args.key_variable
    return given | dict(setting(text) for text in args.given)


def setting(text: str) -> "tuple[str, Json]":
    """`steps=4` as a name and a value: a number, true or false where it looks so, else text. Raises UsageError."""
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
        raise UsageError(f"--set has {text[:80]!r}; it has to be NAME=VALUE.", hint="Like --set offload=model.")
    try:
        read: Json = json.loads(value)
    except ValueError:
        return name, value
    plain = isinstance(read, bool | int) or (isinstance(read, float) and math.isfinite(read))
    return name, read if plain else value


def _url(text: str) -> str:
    """The base URL, with the /v1 that people leave out."""
    text = text.rstrip("/")
    return text if text.endswith("/v1") else f"{text}/v1"


def _content(args: argparse.Namespace, bar: Bar) -> "ContentService | None":
    """What brings channels, where a store is set."""
    settings = settings_of(args, names=CONTENT_FLAGS)
    return reading(settings, progress=bar) if settings.store else None
