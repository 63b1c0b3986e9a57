"""`tenku styles`: the style profiles that there are, and what one says."""

import argparse
from typing import TYPE_CHECKING, Any

from tenku.cli.contents import rows
from tenku.cli.studio import add_folder_flag, print_json, table

if TYPE_CHECKING:
    from tenku.studio.styles.shelf import Shelf
    from tenku.studio.styles.style import Style


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku styles`."""
    parser.usage = "tenku styles [show NAME|FILE] [--json]"
    add_folder_flag(parser)
    subs = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    summary = "Say what a style does, and where its file is."
    sub = subs.add_parser(
        "show", help=summary, description=summary, formatter_class=parser.formatter_class, allow_abbrev=False
    )
    sub.add_argument("name", metavar="NAME|FILE", help="The style.")
    add_folder_flag(sub)


def run(args: argparse.Namespace) -> int:
    """List or show."""
    from pathlib import Path

    from tenku.cli.areas import load_settings
    from tenku.studio.settings import StudioSettings
    from tenku.studio.styles.shelf import Shelf

    args.json = vars(args).get("json", False)
    shelf = Shelf(Path("styles"), load_settings(StudioSettings, args).folder / "styles")
    return show(args, shelf) if args.action == "show" else list_all(args, shelf)


def list_all(args: argparse.Namespace, shelf: "Shelf") -> int:
    """List them; one that cannot be used says why."""
    found = shelf.list()
    if args.json:
        styles = [
            {
                "name": each.name,
                "path": str(each.path),
                "shipped": each.shipped,
                "about": each.style.about if each.style else "",
                "error": each.why,
            }
            for each in found
        ]
        print_json({"styles": styles})
        return 0
    lines = [
        (each.name, "Tenku" if each.shipped else str(each.path.parent), each.style.about if each.style else each.why)
        for each in found
    ]
    print(table(("STYLE", "FROM", "WHAT IT IS"), lines))
    return 0


def show(args: argparse.Namespace, shelf: "Shelf") -> int:
    """Say what one does."""
    style = shelf.find(args.name)
    if args.json:
        print_json({"name": style.name, "about": style.about, **plain(style)})
        return 0
    print(f"{style.name}  {style.about}\n")
    print(rows(*((key, str(value)) for key, value in plain(style).items()), width=14))
    return 0


def plain(style: "Style") -> dict[str, Any]:
    """What a style says, as plain data; what it leaves to others is not in it."""
    finish = style.finish
    whole = {
        "before": style.before,
        "after": style.after,
        "negative": style.negative,
        "seeds": style.policy.value,
        "first seed": style.first,
        "list": list(style.seeds),
        "size": f"{style.size[0]}x{style.size[1]}" if style.size else "",
        "steps": style.steps,
        "guidance": style.guidance if style.guidance >= 0 else "",
        "model": style.model,
        "accelerate": style.accelerate,
        "references": [str(path) for path in style.references],
        "background": finish.background,
        "pixels": finish.pixels,
        "palette": list(finish.palette),
        "colours": finish.colours,
        "dither": finish.dither,
    }
    return {key: value for key, value in whole.items() if value not in ("", [], 0, None)}
