"""What the commands that make assets share: where files go, the set they are, the sheet, and how it is told."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenku.base.errors import UsageError
from tenku.cli.contents import rows
from tenku.cli.made import SHOWN, as_json, exit_code, say
from tenku.cli.studio import print_json
from tenku.cli.target import Target

if TYPE_CHECKING:
    from tenku.cli.made import Run
    from tenku.studio.sets.export import Exported
    from tenku.studio.sets.sheetplan import SheetPlan
    from tenku.studio.sprites.write import Engine
    from tenku.studio.styles.finish import Finish
    from tenku.workshop import Workshop


def add_asset_flags(parser: argparse.ArgumentParser, *, sheet: bool = True) -> None:
    """Where files go, and the set; `sheet`: also flags of sheets."""
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="Where files come to lie. Default: named by the prompt."
    )
    parser.add_argument("--set", metavar="NAME", help="The asset set that they are. Default: named by the folder.")
    if sheet:
        add_sheet_flags(parser)


def add_sheet_flags(parser: argparse.ArgumentParser) -> None:
    """What is made of the pictures together."""
    parser.add_argument(
        "--sheet", metavar="CxR", help="One picture of columns and rows, like 4x4; every asset has its cell."
    )
    parser.add_argument(
        "--godot", action="store_true", help="Import files for Godot 4; without --sheet: packed tightly."
    )
    parser.add_argument("--unity", action="store_true", help="Import files for Unity; without --sheet: packed tightly.")


def target_of(
    args: argparse.Namespace, shop: "Workshop", *, name: str, count: int, style: str, finish: "Finish"
) -> Target:
    """Where the assets go by the flags. Raises UsageError."""
    from tenku.studio.sets.finishes import Finishes
    from tenku.studio.sets.model import check_set_name

    folder = args.out or Path(name)
    plan = plan_of(args, name=folder.absolute().name) if "sheet" in args else None
    several = count > 1 or bool(args.set)
    set_name = check_set_name(args.set or folder.absolute().name) if several else ""
    return Target(
        shop, folder, set_name=set_name, style=style, finishes=Finishes(usual=finish), plans=[plan] if plan else []
    )


def plan_of(args: argparse.Namespace, *, name: str) -> "SheetPlan | None":
    """The sheet that the flags ask for; None: none. Raises UsageError."""
    from tenku.studio.sets.sheetplan import SheetPlan
    from tenku.studio.sprites.grid import parse_grid

    engines = engines_of(args)
    grid = parse_grid(args.sheet) if args.sheet else None
    return SheetPlan(name=name, grid=grid, engines=engines) if grid or engines else None


def engines_of(args: argparse.Namespace) -> "tuple[Engine, ...]":
    """For whom the flags want import files."""
    from tenku.studio.sprites.write import Engine

    return tuple(engine for engine, wanted in ((Engine.GODOT, args.godot), (Engine.UNITY, args.unity)) if wanted)


def finish_run(
    args: argparse.Namespace,
    shop: "Workshop",
    made: "Run",
    target: Target,
    *,
    what: str,
    bad: Sequence[tuple[int, str, str]] = (),
) -> int:
    """Write files, contact sheet, sheet and report, and print how it went; the exit code.

    Args:
        bad: line, name and error of rows that made no job.

    Raises:
        FolderError, JobError, UsageError: something cannot be written.
    """
    from tenku.studio.outfolder import report_rows
    from tenku.studio.sets.export import PICTURES, VIDEOS, put_contact
    from tenku.studio.sets.folder import put_plans

    shown, exported = target.write(made.pieces)
    extra: dict[str, str] = {}
    if len(shown) > 1 and any(file.endswith((*PICTURES, *VIDEOS)) for file in exported.files.values()):
        extra["contact"] = str(put_contact(shown, target.folder, exported.files))
    if sheets := put_plans(target.plans, shown, target.folder, exported.files, finishes=target.finishes):
        extra["sheet"] = ", ".join(map(str, sheets))
    if target.set_name:
        extra["set"] = target.set_name
    table = report_rows(made.pieces, files=exported.files, estimates=shop.estimates, bad=bad)
    extra["report"] = str(target.report(table))
    failed = [(f"line {line} {name}", why) for line, name, why in bad]
    if args.json:
        print_json(as_json(made, bad=failed, files=dict(exported.files)) | extra | told(exported))
    say(args, made, what=what, where=str(target.folder), bad=failed)
    if not args.json:
        print(rows(*((key, value) for key, value in extra.items() if key != "report")))
        print_faults(exported)
    return exit_code(made, bad) or faulty(exported)


def told(exported: "Exported") -> dict[str, Any]:
    """What finishing and checks found, as plain data."""
    return {"not_finished": dict(exported.faults), "checks": exported.findings.json()}


def print_faults(exported: "Exported") -> None:
    """Say what could not be finished, and what the checks found."""
    if exported.faults:
        print("\nNot finished, there as it was made:")
        some = list(exported.faults.items())[:SHOWN]
        print(rows(*some, width=max(len(name) for name, _ in some) + 2))
        if len(exported.faults) > SHOWN:
            print(f"  and {len(exported.faults) - SHOWN} more")
    if exported.findings.failed:
        print(f"\n{exported.findings.text()}")


def faulty(exported: "Exported") -> int:
    """1 where something could not be finished, or a check failed."""
    return 1 if exported.faults or exported.findings.failed else 0


def need_out(folder: Path | None, fallback: str) -> Path:
    """A folder that was given, or the one that a set has. Raises UsageError."""
    if folder is None and not fallback:
        raise UsageError("The set has no folder of its own.", hint="Say where: --out FOLDER.")
    return folder or Path(fallback)
