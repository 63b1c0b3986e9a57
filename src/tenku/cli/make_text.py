"""`tenku make text`: one prompt, once or many times."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from tenku.base.errors import UsageError
from tenku.cli.made import as_json, exit_code, run_recipe, say
from tenku.cli.manner import add_manner, parameters_of, seed_of
from tenku.cli.studio import print_json, read_text, whole, workshop
from tenku.studio.model import State

if TYPE_CHECKING:
    from tenku.cli.made import Run

MOST = 100_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku make text`."""
    parser.usage = "tenku make text PROMPT [--schema FILE] [--count N] [--out FOLDER] [OPTIONS]"
    parser.add_argument("prompt", metavar="PROMPT", help="What is wanted, like 'a fire sword'.")
    parser.add_argument("--schema", type=Path, metavar="FILE", help="A JSON Schema that every item has to meet.")
    parser.add_argument("--count", default="1", metavar="N", help="How many. Default: 1.")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="Where files come to lie. Default: printed.")
    parser.add_argument("--system", metavar="TEXT", help="What the model is told about its work first.")
    add_manner(parser, tries=False)


def run(args: argparse.Namespace) -> int:
    """Make them."""
    from tenku.studio.outfolder import OutFolder, report_rows
    from tenku.studio.recipes.texts import Texts, text_asks
    from tenku.studio.schema import parse_schema

    count = whole("--count", args.count, low=1, high=MOST)
    if not args.prompt.strip():
        raise UsageError("The prompt is empty.", hint="Say what is wanted, like 'a fire sword'.")
    with workshop(args) as shop:
        parameters = parameters_of(args)
        if args.schema:
            parameters["schema"] = parse_schema(read_text(args.schema), where=str(args.schema))
        asks = text_asks(args.prompt, model=shop.model_name(), parameters=parameters, count=count, seed=seed_of(args))
        out = OutFolder(args.out, shop.results) if args.out else None
        if out:
            out.make()
        made = run_recipe(args, shop, Texts(asks), what="text", keep=out.put if out else lambda _: None)
        report = out.report(report_rows(made.pieces, files=out.files, estimates=shop.estimates)) if out else None
    if args.json:
        where = {"files": out.files, "report": str(report)} if out else {"texts": texts(made)}
        print_json(as_json(made) | where)
    elif out:
        say(args, made, what="text", where=str(args.out))
    else:
        print("\n\n".join(text.strip() for text in texts(made).values()))
        if exit_code(made):
            say(args, made, what="text", where="")
    return exit_code(made)


def texts(made: "Run") -> dict[str, str]:
    """What was made, by name; JSON is laid out for people."""
    return {
        each.ask.key: _readable(each.path.read_text(encoding="utf-8"))
        for each in made.of(State.DONE)
        if each.path is not None
    }


def _readable(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return json.dumps(value, indent=2, ensure_ascii=False) if isinstance(value, dict | list) else text
