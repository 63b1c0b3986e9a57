"""`tenku make lines`: what characters say."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tenku.base.errors import UsageError
from tenku.cli.made import exit_code, run_recipe, tell_table
from tenku.cli.make import path_with
from tenku.cli.manner import add_manner, manner_of
from tenku.cli.studio import read_text, whole, workshop

if TYPE_CHECKING:
    from tenku.studio.recipes.lines import Character


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku make lines`."""
    parser.usage = "tenku make lines SITUATION --character 'NAME: WHO' … --out FILE.csv|.json|.ink [OPTIONS]"
    parser.add_argument("situation", metavar="SITUATION", help="When they say it, like 'the player enters the shop'.")
    parser.add_argument(
        "--character",
        action="append",
        default=[],
        metavar="'NAME: WHO'",
        help="Who speaks, like 'Grim: a grumpy smith'. May be given several times.",
    )
    parser.add_argument(
        "--characters", type=Path, metavar="FILE.csv", help="Who speaks: a table with the columns name and about."
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="The lines: .csv, .json or .ink.")
    parser.add_argument("--count", default="5", metavar="N", help="Lines for each character. Default: 5.")
    parser.add_argument("--letters", default="0", metavar="N", help="The longest that a line may be; 0: any length.")
    add_manner(parser, tries=True)


def run(args: argparse.Namespace) -> int:
    """Make them."""
    from tenku.studio.recipes.ink import ink_file
    from tenku.studio.recipes.lines import Lines
    from tenku.studio.recipes.tables import csv_text, json_text

    out = path_with(args.out, ".csv", ".json", ".ink")
    count = whole("--count", args.count, low=1, high=200)
    letters = whole("--letters", args.letters, low=0, high=10_000)
    who = characters(args)
    with workshop(args) as shop:
        recipe = Lines(args.situation, who, count=count, letters=letters, manner=manner_of(args, shop))
        made = run_recipe(args, shop, recipe, what="character", keep=lambda _: None)
        match out.suffix.lower():
            case ".ink":
                text = ink_file(recipe.said())
            case ".json":
                text = json_text(recipe.rows())
            case _:
                text = csv_text(recipe.rows(), ("character", "number", "line"))
        tell_table(args, shop, made, out=out, text=text, what="character")
    return exit_code(made)


def characters(args: argparse.Namespace) -> "list[Character]":
    """Who speaks. Raises UsageError: nobody does."""
    from tenku.studio.recipes.lines import Character, parse_character
    from tenku.studio.recipes.tables import read_table

    who = [parse_character(text) for text in args.character]
    if args.characters:
        for line, row in read_table(read_text(args.characters), where=str(args.characters), need=["name"]):
            if not row["name"].strip():
                raise UsageError(f"{args.characters}, line {line}: no name stands there.", hint="Fill it in.")
            who.append(Character(row["name"].strip(), row.get("about", "").strip(), line))
    if not who:
        raise UsageError("Nobody speaks.", hint="Give --character 'Grim: a grumpy smith', or --characters FILE.csv.")
    return who
