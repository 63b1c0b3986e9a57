"""`tenku make batch`: a spreadsheet, one row an asset."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tenku.cli.made import as_json, exit_code, run_recipe, say
from tenku.cli.manner import add_manner, parameters_of, seed_of
from tenku.cli.studio import print_json, read_text, workshop


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku make batch`."""
    parser.usage = "tenku make batch FILE.csv [--out FOLDER] [OPTIONS]"
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE.csv",
        help="Its columns: prompt, and where wanted kind, name, schema, seed, count, model; others are parameters.",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="Where files and report.csv come to lie. Default: FILE, without .csv.",
    )
    parser.add_argument("--system", metavar="TEXT", help="What the model is told about its work first.")
    add_manner(parser, tries=False)


def run(args: argparse.Namespace) -> int:
    """Make every row that can be made."""
    from tenku.studio.batchfile import Defaults, read_batch
    from tenku.studio.outfolder import OutFolder, report_rows
    from tenku.studio.recipes.texts import Texts
    from tenku.studio.schema import parse_schema

    def schema(name: str) -> Mapping[str, Any]:
        path = args.file.parent / name
        return parse_schema(read_text(path), where=str(path))

    folder = args.out or args.file.with_suffix("")
    with workshop(args) as shop:
        defaults = Defaults(model=shop.model_name(), seed=seed_of(args), parameters=parameters_of(args))
        asks, bad = read_batch(read_text(args.file), where=str(args.file), defaults=defaults, schema=schema)
        asks, unfit = shop.fitting(asks)
        bad = [*bad, *unfit]
        out = OutFolder(folder, shop.results)
        out.make()
        made = run_recipe(args, shop, Texts(asks), what="asset", keep=out.put)
        told = [(each.line, each.key, each.why) for each in bad]
        report = out.report(report_rows(made.pieces, files=out.files, estimates=shop.estimates, bad=told))
    failed = [(f"line {line} {name}", why) for line, name, why in told]
    if args.json:
        print_json(as_json(made, bad=failed, report=str(report), files=out.files))
    say(args, made, what="asset", where=str(folder), bad=failed)
    return exit_code(made, failed)
