"""`tenku make batch`: a spreadsheet, one row an asset."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenku.base.errors import UsageError
from tenku.cli.assets import add_sheet_flags, finish_run, sheet_of
from tenku.cli.made import run_recipe
from tenku.cli.manner import add_manner, parameters_of, seed_of
from tenku.cli.pictures import picture_input, video_input
from tenku.cli.studio import read_text, workshop
from tenku.cli.target import Target

if TYPE_CHECKING:
    from tenku.studio.styles.style import Style
    from tenku.workshop import Workshop

VIDEOS = ("video", "face")
ENDINGS = (".mp4", ".webm", ".webp", ".mkv", ".mov", ".gif")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku make batch`."""
    parser.usage = "tenku make batch FILE.csv [--style NAME] [--out FOLDER] [OPTIONS]"
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE.csv",
        help="Its columns: prompt, and where wanted kind, name, size, schema, seed, count, model, files like "
        "image and mask; others are parameters.",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="Where files and report.csv come to lie. Default: FILE, without .csv.",
    )
    parser.add_argument("--set", metavar="NAME", help="The asset set that they are. Default: named by the folder.")
    parser.add_argument("--style", default="", metavar="NAME|FILE", help="The style of pictures; see tenku styles.")
    add_sheet_flags(parser)
    parser.add_argument("--system", metavar="TEXT", help="What the model is told about its work first.")
    add_manner(parser, tries=False)


class Beside:
    """Implements `Shelves`: files beside the spreadsheet."""

    def __init__(self, shop: "Workshop", folder: Path) -> None:
        self._shop = shop
        self._folder = folder

    def schema(self, name: str) -> Mapping[str, Any]:
        """See `Shelves`."""
        from tenku.studio.schema import parse_schema

        path = self._folder / name
        return parse_schema(read_text(path), where=str(path))

    def file(self, name: str, *, column: str) -> str:
        """See `Shelves`."""
        path = self._folder / name
        video = column in VIDEOS or (column == "mask" and path.suffix.lower() in ENDINGS)
        return (video_input if video else picture_input)(self._shop, path, what=column)


def run(args: argparse.Namespace) -> int:
    """Make every row that can be made."""
    from tenku.studio.batchfile import Defaults, read_batch
    from tenku.studio.recipes.assets import Assets

    with workshop(args) as shop:
        style = shop.styles.find(args.style) if args.style else None
        paths = style.references if style else ()
        defaults = Defaults(
            model=shop.model_name,
            seed=seed_of(args),
            style=style,
            references=[picture_input(shop, path, what="The style's reference") for path in paths],
            parameters=parameters_of(args),
        )
        beside = Beside(shop, args.file.parent)
        target = target_of_batch(args, shop, style)
        asks, bad = read_batch(read_text(args.file), where=str(args.file), defaults=defaults, shelves=beside)
        asks, unfit = shop.fitting(asks)
        target.record(asks)
        made = run_recipe(
            args, shop, Assets(asks), what="asset", keep=target.keep, set_name=target.set_name if asks else ""
        )
        told = [(each.line, each.key, each.why) for each in [*bad, *unfit]]
        return finish_run(args, shop, made, target, what="asset", bad=told)


def target_of_batch(args: argparse.Namespace, shop: "Workshop", style: "Style | None") -> Target:
    """Where the assets go. Raises UsageError: the set cannot have its name."""
    from tenku.studio.sets.model import check_set_name
    from tenku.studio.styles.finish import Finish

    folder = args.out or args.file.with_suffix("")
    if folder == args.file:
        raise UsageError(f"{args.file} has no ending, so that its folder has no name.", hint="Say it: --out FOLDER.")
    finish = style.finish if style else Finish()
    grid, engines = sheet_of(args)
    name = check_set_name(args.set or folder.absolute().name)
    return Target(
        shop, folder, set_name=name, style=style.name if style else "", finish=finish, grid=grid, engines=engines
    )
