"""`tenku make image`: pictures of one style, and the sheet that a game loads."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tenku.base.errors import UsageError
from tenku.cli.assets import add_asset_flags, finish_run, target_of
from tenku.cli.made import run_recipe
from tenku.cli.manner import seed_of
from tenku.cli.pictures import numbers, picture_input, size_of, slug, texts
from tenku.cli.studio import add_flags, whole, workshop

if TYPE_CHECKING:
    from tenku.studio.model import Json
    from tenku.studio.recipes.recipe import Ask
    from tenku.studio.styles.style import Style
    from tenku.workshop import Workshop

MOST = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku make image`."""
    parser.usage = "tenku make image PROMPT [--style NAME] [--count N] [--sheet 4x4] [--godot] [--unity] [OPTIONS]"
    parser.add_argument("prompt", metavar="PROMPT", help="What is to be seen, like 'potion icon'.")
    parser.add_argument("--style", metavar="NAME|FILE", help="A style profile; see tenku styles.")
    parser.add_argument("--count", metavar="N", help="How many. Default: as many as --sheet has places, else 1.")
    add_asset_flags(parser)
    parser.add_argument(
        "--size", metavar="WxH", help="What the model draws, in pixels. Default: the style's, or 1024x1024."
    )
    parser.add_argument("--steps", metavar="N", help="Steps. Default: the style's, or the model's.")
    parser.add_argument("--guidance", metavar="X", help="How strongly the prompt counts. Default: the model's.")
    parser.add_argument("--negative", metavar="TEXT", help="What is not to be seen, besides what the style says.")
    parser.add_argument("--from", dest="image", type=Path, metavar="PICTURE", help="A picture to begin from.")
    parser.add_argument("--mask", type=Path, metavar="PICTURE", help="White where the picture may change.")
    parser.add_argument(
        "--task",
        choices=("make", "edit", "inpaint", "layers"),
        metavar="TASK",
        help="What is done with the picture: make (begin from it), edit, inpaint, or layers (take it apart). "
        "Default: inpaint with a mask, edit with references, else make.",
    )
    parser.add_argument("--strength", metavar="X", help="How much of the picture is made anew, 0 to 1. Default: 0.9.")
    parser.add_argument("--layers", metavar="N", help="How many layers. Default: 4.")
    parser.add_argument(
        "--reference",
        action="append",
        default=[],
        type=Path,
        metavar="PICTURE",
        help="A picture that the model sees besides; for models that edit. May be given several times.",
    )
    parser.add_argument("--transparent", action="store_true", help="Cut the background out.")
    parser.add_argument("--accelerate", metavar="NAME", help="Trade exactness for speed, like first-block-cache.")
    parser.add_argument("--seed", default="0", metavar="N", help="The first one's; they count up. Default: 0.")
    add_flags(parser, "model", "threads", "memory")


def run(args: argparse.Namespace) -> int:
    """Make them."""
    from tenku.studio.recipes.assets import Assets
    from tenku.studio.styles.finish import Finish

    if not args.prompt.strip() and args.task != "layers":
        raise UsageError("The prompt is empty.", hint="Say what is to be seen, like 'potion icon'.")
    name = slug(args.prompt)
    with workshop(args) as shop:
        style = shop.styles.find(args.style) if args.style else None
        count = count_of(args)
        finish = style.finish if style else Finish()
        if args.transparent:
            finish = replace(finish, background="cut")
        target = target_of(args, shop, name=name, count=count, style=style.name if style else "", finish=finish)
        asks = asks_of(args, shop, style, name=name, count=count)
        target.record(asks)
        made = run_recipe(args, shop, Assets(asks), what="image", keep=target.keep, set_name=target.set_name)
        return finish_run(args, shop, made, target, what="image")


def count_of(args: argparse.Namespace) -> int:
    """How many. Raises UsageError: not as many as the sheet has places."""
    from tenku.studio.sprites.grid import parse_grid

    grid = parse_grid(args.sheet) if args.sheet else None
    if args.count is None:
        return grid.columns * grid.rows if grid else 1
    count = whole("--count", args.count, low=1, high=MOST)
    if grid and grid.columns * grid.rows != count:
        places = grid.columns * grid.rows
        raise UsageError(
            f"A sheet of {args.sheet} has {places} places, and --count says {count}.",
            hint=f"Leave --count out, or give --count {places}.",
        )
    return count


def asks_of(args: argparse.Namespace, shop: "Workshop", style: "Style | None", *, name: str, count: int) -> "list[Ask]":
    """What is asked for. Raises UsageError, ModelError: a file cannot be read, no model is there."""
    from tenku.studio.model import Kind
    from tenku.studio.recipes.image import image_asks, on_white

    parameters = parameters_of(args, shop)
    name_of_model = vars(args).get("model") or (style.model if style else "")
    model = shop.model_name(Kind.IMAGE, name=name_of_model, task=str(parameters.get("task", "make")))
    references = style.references if style else ()
    return image_asks(
        on_white(args.prompt, style) if args.transparent else args.prompt,
        style,
        model=model,
        parameters=parameters,
        references=[picture_input(shop, path, what="The style's reference") for path in references],
        count=count,
        seed=seed_of(args),
        name=name,
    )


def parameters_of(args: argparse.Namespace, shop: "Workshop") -> "dict[str, Json]":
    """What the flags say. Raises UsageError."""
    from tenku.studio.recipes.image import begun

    given: dict[str, Json] = {
        **size_of(args),
        **numbers(args, steps=(1, 200), guidance=(0, 50), strength=(0, 1), layers=(1, 16)),
        **texts(args, "negative", "accelerate"),
    }
    for name, flag in (("image", "--from"), ("mask", "--mask")):
        if path := getattr(args, name):
            given[name] = picture_input(shop, path, what=flag)
    if args.reference:
        given["references"] = [picture_input(shop, path, what="--reference") for path in args.reference]
    return begun(given | texts(args, "task"))
