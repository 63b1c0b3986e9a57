"""What `tenku sets` makes and writes: other takes, folders, sheets, channels."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tenku.cli.amounts import count_text
from tenku.cli.assets import add_sheet_flags, faulty, need_out, plan_of, print_faults, told
from tenku.cli.contents import rows as lines
from tenku.cli.made import as_json, exit_code, run_recipe, say
from tenku.cli.studio import add_flags, print_json, whole

if TYPE_CHECKING:
    from tenku.studio.recipes.recipe import Ask
    from tenku.studio.sets.export import Exported
    from tenku.studio.sets.model import AssetSet
    from tenku.workshop import Workshop


def add_own_flags(parser: argparse.ArgumentParser, action: str) -> None:
    """The flags that one action has besides the set's name."""
    match action:
        case "approve":
            parser.add_argument("--take", metavar="N", help="Which one. Default: the one that is shown.")
        case "vary":
            parser.add_argument("--count", default="4", metavar="N", help="How many takes. Default: 4.")
            parser.add_argument("--prompt", default="", metavar="TEXT", help="Another prompt. Default: the same.")
            parser.add_argument(
                "--near", metavar="X", help="Begin from the shown picture and keep so much, 0 to 1. Default: a new one."
            )
        case "export":
            parser.add_argument("--out", type=Path, metavar="FOLDER", help="Where to. Default: the set's own folder.")
            parser.add_argument("--all", action="store_true", help="Also what nobody approved.")
            add_sheet_flags(parser)
        case "publish":
            from tenku.cli.publish import add_options

            parser.add_argument("channel", metavar="GAME:CHANNEL", help="The channel, like supergame:art.")
            add_sheet_flags(parser)
            add_options(parser)
    if action == "publish":
        from tenku.cli.flags import add_setting_flags
        from tenku.control.settings import ControlSettings
        from tenku.studio.settings import StudioSettings

        add_setting_flags(parser, ControlSettings, names=["database"])
        add_setting_flags(parser, StudioSettings, names=["folder"])
    else:
        add_flags(parser, *(("threads", "memory") if action in ("vary", "remake") else ()))


def make_takes(args: argparse.Namespace, shop: "Workshop", rows: Sequence[int]) -> int:
    """Have new takes made, wait for them, and bring the set's own folder up to date."""
    from tenku.studio.recipes.assets import Assets

    asks = _asks(args, shop, rows)
    if not asks:
        if args.json:
            print_json({"made": 0})
        else:
            print(f"No place of {args.name} is rejected.")
        return 0
    made = run_recipe(args, shop, Assets(asks), what="take", keep=lambda _: None, set_name=args.name)
    found = shop.sets.get(args.name)
    refresh(shop, found)
    if args.json:
        print_json(as_json(made) | {"set": args.name})
    say(args, made, what="take", where=f"the set {args.name}")
    if not args.json and found.folder:
        print(lines(("contact", str(Path(found.folder) / "contact.png"))))
    return exit_code(made)


def refresh(shop: "Workshop", found: "AssetSet") -> None:
    """Bring the set's own folder to what is shown now, with the sheet in it. Raises FolderError, JobError."""
    from tenku.studio.sets.folder import refresh_folder

    refresh_folder(found, shop.results, seal=shop.seal)


def export(args: argparse.Namespace, shop: "Workshop") -> int:
    """Write what is approved into a folder; 1 where a check failed."""
    found = shop.sets.get(args.name)
    folder = need_out(args.out, found.folder)
    exported, extra = _write(args, shop, found, folder, every=args.all)
    if args.json:
        print_json({"files": dict(exported.files), "folder": str(folder)} | extra | told(exported))
    else:
        print(f"Wrote {count_text(len(exported.files), 'asset')} of {found.name} to {folder}.\n")
        print(lines(*extra.items()))
        print_faults(exported)
    return faulty(exported)


def publish(args: argparse.Namespace, shop: "Workshop") -> int:
    """Publish what is approved, as `tenku publish` does a folder; nothing goes out where a check failed."""
    import tempfile

    from tenku.cli import publish as publishing

    found = shop.sets.get(args.name)
    with tempfile.TemporaryDirectory(prefix="tenku-set-") as place:
        folder = Path(place) / "assets"
        exported, extra = _write(args, shop, found, folder, every=False)
        Path(extra["contact"]).unlink()  # for people at work, not for the game
        if faulty(exported):
            print_faults(exported)
            return 1
        args.folder = folder
        return publishing.run(args)


def _write(
    args: argparse.Namespace, shop: "Workshop", found: "AssetSet", folder: Path, *, every: bool
) -> "tuple[Exported, dict[str, str]]":
    from tenku.studio.sets.folder import write_set
    from tenku.studio.sets.sheetplan import plans_json, sheet_name

    plan = plan_of(args, name=sheet_name(found))
    written = write_set(found, folder, shop.results, every=every, plan=plan, seal=shop.seal)
    if plan is not None and found.folder and folder.absolute() == Path(found.folder):
        # It lies in the set's own folder now, which verdicts bring up to date.
        shop.sets.plan(found.name, plans_json([plan]))
    extra = {"contact": str(written.contact)}
    return written.exported, extra | ({"sheet": ", ".join(map(str, written.sheets))} if written.sheets else {})


def _asks(args: argparse.Namespace, shop: "Workshop", rows: Sequence[int]) -> "list[Ask]":
    from tenku.cli.pictures import numbers
    from tenku.studio.recipes.recipe import Ask

    if args.action == "vary":
        near = float(str(numbers(args, near=(0, 1)).get("near", 0.0)))
        count = whole("--count", args.count, low=1, high=64)
        specs = shop.sets.variations(args.name, rows[0], count=count, prompt=args.prompt, near=near)
    else:
        specs = shop.sets.replacements(args.name)
    names = {place.row: place.name for place in shop.sets.get(args.name).places}
    return [Ask(key=f"{names[spec.row]} {number}", spec=spec) for number, spec in enumerate(specs, 1)]
