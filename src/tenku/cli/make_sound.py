"""`tenku make sound`: effects and ambience."""

import argparse

from tenku.base.errors import UsageError
from tenku.cli.assets import add_asset_flags, finish_run, target_of
from tenku.cli.made import run_recipe
from tenku.cli.manner import seed_of
from tenku.cli.pictures import numbers, slug, texts
from tenku.cli.studio import add_flags, whole, workshop

MOST = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku make sound`."""
    parser.usage = "tenku make sound PROMPT [--seconds S] [--count N] [--format wav] [OPTIONS]"
    parser.add_argument("prompt", metavar="PROMPT", help="What is to be heard, like 'a heavy door creaks'.")
    parser.add_argument("--seconds", metavar="S", help="How long, 0.1 to 60. Default: 5.")
    parser.add_argument("--count", default="1", metavar="N", help="How many. Default: 1.")
    add_asset_flags(parser, sheet=False)
    parser.add_argument(
        "--format", choices=("wav", "flac", "opus"), metavar="NAME", help="wav, flac or opus. Default: wav."
    )
    parser.add_argument("--steps", metavar="N", help="Steps. Default: the model's.")
    parser.add_argument("--guidance", metavar="X", help="How strongly the prompt counts. Default: the model's.")
    parser.add_argument("--negative", metavar="TEXT", help="What is not to be heard.")
    parser.add_argument("--seed", default="0", metavar="N", help="The first one's; they count up. Default: 0.")
    add_flags(parser, "model", "threads", "memory")


def run(args: argparse.Namespace) -> int:
    """Make it, or them."""
    from tenku.studio.model import Kind
    from tenku.studio.recipes.asks import asset_asks
    from tenku.studio.recipes.assets import Assets
    from tenku.studio.styles.finish import Finish

    if not args.prompt.strip():
        raise UsageError("The prompt is empty.", hint="Say what is to be heard, like 'a heavy door creaks'.")
    count = whole("--count", args.count, low=1, high=MOST)
    name = slug(args.prompt)
    with workshop(args) as shop:
        given = {
            **numbers(args, seconds=(0.1, 60), steps=(1, 500), guidance=(0, 50)),
            **texts(args, "negative", "format"),
        }
        model = shop.model_name(Kind.SOUND, name=vars(args).get("model") or "")
        asks = asset_asks(
            Kind.SOUND, args.prompt, model=model, parameters=given, count=count, seed=seed_of(args), name=name
        )
        target = target_of(args, shop, name=name, count=count, style="", finish=Finish())
        target.record(asks)
        made = run_recipe(args, shop, Assets(asks), what="sound", keep=target.keep, set_name=target.set_name)
        return finish_run(args, shop, made, target, what="sound")
