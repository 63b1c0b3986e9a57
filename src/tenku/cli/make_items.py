"""`tenku make items`: a table of items by a JSON Schema."""

import argparse
from pathlib import Path

from tenku.cli.made import exit_code, run_recipe, tell_table
from tenku.cli.make import path_with
from tenku.cli.manner import add_manner, manner_of
from tenku.cli.studio import read_text, whole, workshop

MOST = 100_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku make items`."""
    parser.usage = "tenku make items PROMPT --schema FILE --out FILE.csv|FILE.json [--count N] [OPTIONS]"
    parser.add_argument("prompt", metavar="PROMPT", help="What is wanted, like 'a weapon for a young mage'.")
    parser.add_argument("--schema", type=Path, required=True, metavar="FILE", help="The JSON Schema of one item.")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="The table: .csv or .json.")
    parser.add_argument("--count", default="10", metavar="N", help="How many. Default: 10.")
    parser.add_argument(
        "--unique", default="name", metavar="NAME", help="The property that no two items share. Default: name."
    )
    add_manner(parser, tries=True)


def run(args: argparse.Namespace) -> int:
    """Make the table."""
    from tenku.studio.recipes.items import Items
    from tenku.studio.recipes.tables import csv_text, json_text
    from tenku.studio.schema import parse_schema

    out = path_with(args.out, ".csv", ".json")
    count = whole("--count", args.count, low=1, high=MOST)
    schema = parse_schema(read_text(args.schema), where=str(args.schema))
    with workshop(args) as shop:
        recipe = Items(args.prompt, schema, count=count, unique=args.unique, manner=manner_of(args, shop))
        made = run_recipe(args, shop, recipe, what="item", keep=lambda _: None)
        columns = [str(name) for name in schema.get("properties", {})]
        text = json_text(recipe.rows()) if out.suffix.lower() == ".json" else csv_text(recipe.rows(), columns)
        tell_table(args, shop, made, out=out, text=text, what="item")
    return exit_code(made)
