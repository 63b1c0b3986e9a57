"""`tenku make batch`: a spreadsheet, one row an asset."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenku.base.errors import UsageError
from tenku.cli.assets import add_sheet_flags, engines_of, finish_run, plan_of
from tenku.cli.made import run_recipe
from tenku.cli.manner import add_manner, parameters_of, seed_of
from tenku.cli.pictures import picture_input, video_input
from tenku.cli.studio import read_text, workshop
from tenku.cli.target import Target

if TYPE_CHECKING:
    from tenku.studio.batchfile import Batch
    from tenku.studio.batchlook import Look
    from tenku.studio.model import JobSpec
    from tenku.studio.sets.sheetplan import SheetPlan
    from tenku.studio.styles.style import Style
    from tenku.workshop import Workshop

VIDEOS = ("video", "face", "background")
ENDINGS = (".mp4", ".webm", ".webp", ".mkv", ".mov", ".gif")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku make batch`."""
    parser.usage = "tenku make batch FILE.csv [--style NAME] [--out FOLDER] [OPTIONS]"
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE.csv",
        help="Its columns: prompt, and where wanted kind, name, size, schema, seed, count, model, style, transparent, "
        "sheet, files like image and mask; others are parameters.",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="Where files and report.csv come to lie. Default: FILE, without .csv.",
    )
    parser.add_argument("--set", metavar="NAME", help="The asset set that they are. Default: named by the folder.")
    parser.add_argument(
        "--style", default="", metavar="NAME|FILE", help="The style of pictures whose row says none; see tenku styles."
    )
    add_sheet_flags(parser)
    parser.add_argument("--system", metavar="TEXT", help="What the model is told about its work first.")
    add_manner(parser, tries=False)


class Beside:
    """Implements `Shelves`: files beside the spreadsheet."""

    def __init__(self, shop: "Workshop", folder: Path) -> None:
        self._shop = shop
        self._folder = folder
        self._styles: dict[str, tuple[Style, Sequence[str]]] = {}

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

    def style(self, name: str) -> "tuple[Style, Sequence[str]]":
        """See `Shelves`."""
        if name not in self._styles:
            is_file = name.endswith(".toml") or "/" in name
            style = self._shop.styles.find(str(self._folder / name) if is_file else name)
            self._styles[name] = (style, self.references(style))
        return self._styles[name]

    def references(self, style: "Style") -> list[str]:
        """The pictures of a style as inputs. Raises UsageError."""
        return [picture_input(self._shop, path, what="The style's reference") for path in style.references]

    def check(self, spec: "JobSpec") -> None:
        """See `Shelves`."""
        self._shop.check(spec)


def run(args: argparse.Namespace) -> int:
    """Make every row that can be made."""
    from tenku.studio.batchfile import Defaults, read_batch
    from tenku.studio.batchlook import Look
    from tenku.studio.recipes.assets import Assets

    with workshop(args) as shop:
        beside = Beside(shop, args.file.parent)
        folder, set_name = place_of(args)
        look = Look()
        if args.style:
            style = shop.styles.find(args.style)
            look = Look(style=style, references=beside.references(style))
        defaults = Defaults(model=shop.model_name, seed=seed_of(args), look=look, parameters=parameters_of(args))
        batch = read_batch(read_text(args.file), where=str(args.file), defaults=defaults, shelves=beside)
        target = target_of_batch(args, shop, batch, look, folder=folder, set_name=set_name)
        target.record(batch.asks)
        made = run_recipe(
            args,
            shop,
            Assets(batch.asks),
            what="asset",
            keep=target.keep,
            set_name=target.set_name if batch.asks else "",
        )
        told = [(each.line, each.key, each.why) for each in batch.bad]
        return finish_run(args, shop, made, target, what="asset", bad=told)


def place_of(args: argparse.Namespace) -> tuple[Path, str]:
    """The folder, and the set's name. Raises UsageError: it cannot have it."""
    from tenku.studio.sets.model import check_set_name

    folder = args.out or args.file.with_suffix("")
    if folder == args.file:
        raise UsageError(f"{args.file} has no ending, so that its folder has no name.", hint="Say it: --out FOLDER.")
    return folder, check_set_name(args.set or folder.absolute().name)


def target_of_batch(
    args: argparse.Namespace, shop: "Workshop", batch: "Batch", look: "Look", *, folder: Path, set_name: str
) -> Target:
    """Where the assets go. Raises UsageError: two sheets would have the same name."""
    from tenku.studio.sets.finishes import Finishes

    return Target(
        shop,
        folder,
        set_name=set_name,
        style=look.style.name if look.style else "",
        finishes=Finishes(usual=look.finish, own=batch.finishes),
        plans=plans_of(args, batch, name=folder.absolute().name),
    )


def plans_of(args: argparse.Namespace, batch: "Batch", *, name: str) -> "list[SheetPlan]":
    """The sheets of single rows, and the one of all other pictures. Raises UsageError."""
    from tenku.studio.sets.sheetplan import SheetPlan

    whole = plan_of(args, name=name)
    if whole is not None and name in batch.sheets:
        raise UsageError(
            f"The sheet of the row {name} and the one of all others would have the same name.", hint="Rename the row."
        )
    engines = engines_of(args)
    rows = [
        SheetPlan(name=key, grid=grid, engines=engines, places=tuple(places))
        for key, (grid, places) in batch.sheets.items()
    ]
    return [*rows, whole] if whole is not None else rows
