"""`tenku make translation`: a table of texts into another language."""

import argparse
from pathlib import Path

from tenku.cli.made import exit_code, run_recipe, tell_table
from tenku.cli.make import path_with
from tenku.cli.manner import add_manner, manner_of
from tenku.cli.studio import read_text, whole, workshop


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku make translation`."""
    parser.usage = "tenku make translation FILE.csv --into LANGUAGE --out FILE.csv|.json [OPTIONS]"
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE.csv",
        help="The texts: a column with the source, and where wanted key, max (letters) and note.",
    )
    parser.add_argument("--into", required=True, metavar="LANGUAGE", help="In English, like German.")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="The table: .csv or .json.")
    parser.add_argument("--column", default="source", metavar="NAME", help="The source's column. Default: source.")
    parser.add_argument(
        "--glossary", type=Path, metavar="FILE.csv", help="Words and their only translation: columns source and target."
    )
    parser.add_argument("--letters", default="0", metavar="N", help="The limit of rows without max; 0: any length.")
    add_manner(parser, tries=True)


def run(args: argparse.Namespace) -> int:
    """Translate what can be translated."""
    from tenku.studio.recipes.tables import csv_text, json_text
    from tenku.studio.recipes.translation import Translation, read_entries, read_glossary

    out = path_with(args.out, ".csv", ".json")
    letters = whole("--letters", args.letters, low=0, high=100_000)
    entries = read_entries(read_text(args.file), where=str(args.file), column=args.column, letters=letters)
    glossary = read_glossary(read_text(args.glossary), where=str(args.glossary)) if args.glossary else []
    bad = [(each.line, each.key, f"{each.fault[:1].upper()}{each.fault[1:]}.") for each in entries if each.fault]
    with workshop(args) as shop:
        recipe = Translation(entries, language=args.into, glossary=glossary, manner=manner_of(args, shop))
        made = run_recipe(args, shop, recipe, what="text", keep=lambda _: None)
        text = json_text(recipe.rows()) if out.suffix.lower() == ".json" else csv_text(recipe.rows())
        tell_table(args, shop, made, out=out, text=text, what="text", bad=bad)
    return exit_code(made, bad)
