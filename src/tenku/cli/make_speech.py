"""`tenku make speech`: what characters say, as sound; one file a line."""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenku.base.errors import ModelError, UsageError
from tenku.cli.areas import load_settings
from tenku.cli.made import as_json, exit_code, run_recipe, say
from tenku.cli.manner import seed_of
from tenku.cli.studio import add_flags, print_json, read_text, workshop
from tenku.studio.model import Kind, State
from tenku.studio.settings import StudioSettings

if TYPE_CHECKING:
    from tenku.cli.made import Run
    from tenku.studio.batchfile import BadRow
    from tenku.studio.model import InstalledModel
    from tenku.studio.recipes.recipe import Ask
    from tenku.studio.recipes.speech import Stage
    from tenku.workshop import Workshop

TABLES = (".csv", ".tsv")
MORE = ("voice", "speech_seconds")
"""Columns of the report besides the usual ones."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku make speech`."""
    parser.usage = "tenku make speech LINES.csv|TEXT [--voice NAME] [--voices CAST.csv] [--out FOLDER] [OPTIONS]"
    parser.add_argument(
        "lines",
        metavar="LINES.csv|TEXT",
        help="What is said: a text, or a table with the columns text (or line), and where wanted name (or id), "
        "character, voice, model, speed, language, instructions, seed.",
    )
    parser.add_argument(
        "--voice", default="", metavar="NAME", help="Who says it: a voice of the model, or an installed model."
    )
    parser.add_argument(
        "--voices",
        type=Path,
        metavar="CAST.csv",
        help="How each character speaks: the columns character, voice, model, speed, language, instructions.",
    )
    parser.add_argument("--column", default="", metavar="NAME", help="The column of the texts. Default: text or line.")
    parser.add_argument(
        "--format", default="wav", metavar="FORMAT", help="wav, flac, opus, mp3, aac or pcm. Default: wav."
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="Where files and report.csv come to lie. Default: LINES, without .csv; `speech` for a text.",
    )
    parser.add_argument("--speed", default="", metavar="X", help="1.2 is faster, 0.8 is slower. Default: 1.")
    parser.add_argument("--language", default="", metavar="CODE", help="Like en-gb or fr. Default: the voice's own.")
    parser.add_argument(
        "--instructions", default="", metavar="TEXT", help="How it is said, for models that can be told."
    )
    parser.add_argument("--seed", default="0", metavar="N", help="Of whatever is left to chance. Default: 0.")
    add_flags(parser, "model", "threads", "memory")


def run(args: argparse.Namespace) -> int:
    """Say every line that can be said."""
    from tenku.studio.outfolder import OutFolder, report_rows
    from tenku.studio.recipes.assets import Assets

    is_table = args.lines.lower().endswith(TABLES)
    folder = args.out or (Path(args.lines).with_suffix("") if is_table else Path("speech"))
    with workshop(args) as shop:
        asks, bad = _wanted(args, shop, is_table=is_table)
        out = OutFolder(folder, shop.results)
        out.make()
        made = run_recipe(args, shop, Assets(asks), what="line", keep=out.put)
        told = [(each.line, each.key, each.why) for each in bad]
        rows = report_rows(made.pieces, files=out.files, estimates=shop.estimates, bad=told)
        heard = _heard(made, shop)
        report = out.report([{**row, **heard.get(str(row["name"]), {})} for row in rows], more=MORE)
    failed = [(f"line {line} {name}" if line else name, why) for line, name, why in told]
    if args.json:
        seconds = round(sum(each["speech_seconds"] for each in heard.values()), 3)
        print_json(as_json(made, bad=failed, report=str(report), files=out.files, speech_seconds=seconds))
    say(args, made, what="line", where=str(folder), bad=failed)
    return exit_code(made, failed)


def _wanted(args: argparse.Namespace, shop: "Workshop", *, is_table: bool) -> "tuple[list[Ask], list[BadRow]]":
    """The lines as jobs, and those that cannot be. Raises UsageError, ModelError, JobError: nothing can."""
    from tenku.studio.recipes.speech import line_ask, read_lines, slug

    stage = _stage(args, shop)
    if not is_table:
        delivery = stage.usual
        if played := stage.cast.get(args.voice.casefold()):
            delivery = replace(delivery, voice="").over(played)
        ask = line_ask(args.lines, key=slug(args.lines), delivery=delivery, stage=stage)
        shop.check(ask.spec)
        return [ask], []
    asks, bad = read_lines(read_text(Path(args.lines)), where=args.lines, stage=stage, column=args.column)
    fit, unfit = shop.fitting(asks)
    return fit, sorted((*bad, *unfit), key=lambda row: row.line)


def _stage(args: argparse.Namespace, shop: "Workshop") -> "Stage":
    from tenku.studio.recipes.speech import Delivery, Stage, read_cast
    from tenku.studio.speechjob import FORMATS

    if args.format not in FORMATS:
        raise UsageError(f"--format: there is no {args.format!r}.", hint=f"It is one of {', '.join(FORMATS)}.")
    models = _speakers(shop)
    usual = Delivery(
        voice=args.voice,
        model=_model(args, models),
        speed=args.speed,
        language=args.language,
        instructions=args.instructions,
    )
    return Stage(
        cast=read_cast(read_text(args.voices), where=str(args.voices)) if args.voices else {},
        usual=usual,
        models=models,
        format=args.format,
        seed=seed_of(args),
    )


def _model(args: argparse.Namespace, models: "Mapping[str, InstalledModel]") -> str:
    """The model that was chosen. One that the settings name for all kinds counts if it speaks."""
    wanted = load_settings(StudioSettings, args).model
    return wanted if "model" in vars(args) or wanted in models else ""


def _speakers(shop: "Workshop") -> "Mapping[str, InstalledModel]":
    models = {model.name: model for model in shop.models.list() if model.kind is Kind.SPEECH}
    if not models:
        raise ModelError(
            "No model that speaks is installed.", hint="`tenku models add hibari` installs a small English voice."
        )
    return models


def _heard(made: "Run", shop: "Workshop") -> dict[str, dict[str, Any]]:
    """The voice and the seconds of each line that was said, by its name."""
    from tenku.studio.outfolder import provenance_of

    found = {}
    for piece in made.of(State.DONE):
        facts = provenance_of(piece, shop.results).get("facts") or {}
        found[piece.ask.key] = {"voice": facts.get("voice", ""), "speech_seconds": facts.get("speech_seconds", 0.0)}
    return found
