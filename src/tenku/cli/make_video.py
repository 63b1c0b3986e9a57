"""`tenku make video`: a video, with sound and speech where they are wanted."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tenku.base.errors import UsageError
from tenku.cli.assets import add_asset_flags, finish_run, target_of
from tenku.cli.made import run_recipe
from tenku.cli.manner import seed_of
from tenku.cli.pictures import numbers, picture_input, size_of, slug, texts, video_input
from tenku.cli.studio import add_flags, whole, workshop

if TYPE_CHECKING:
    from tenku.studio.model import Json
    from tenku.workshop import Workshop

MOST = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku make video`."""
    parser.usage = "tenku make video PROMPT [--seconds S] [--sound TEXT] [--speech TEXT] [--from PICTURE] [OPTIONS]"
    parser.add_argument("prompt", metavar="PROMPT", help="What happens, like 'a dragon circles a tower'.")
    parser.add_argument("--seconds", metavar="S", help="How long, 0.1 to 10. Default: 5.")
    parser.add_argument("--sound", metavar="TEXT", help="What is to be heard, like 'wind, wings, a roar'.")
    parser.add_argument("--speech", metavar="TEXT", help="What is said in it.")
    parser.add_argument("--voice", metavar="NAME", help="Whose voice says it.")
    parser.add_argument("--sound-model", metavar="NAME", help="Makes the sound where the model itself does not.")
    parser.add_argument("--speech-model", metavar="NAME", help="Says the speech.")
    parser.add_argument("--count", default="1", metavar="N", help="How many. Default: 1.")
    add_asset_flags(parser, sheet=False)
    parser.add_argument("--size", metavar="WxH", help="Pixels. Default: 832x480.")
    parser.add_argument("--fps", metavar="N", help="Pictures a second. Default: what the model was made for.")
    parser.add_argument("--steps", metavar="N", help="Steps. Default: the model's.")
    parser.add_argument("--guidance", metavar="X", help="How strongly the prompt counts. Default: the model's.")
    parser.add_argument("--negative", metavar="TEXT", help="What is not to be seen.")
    parser.add_argument("--from", dest="image", type=Path, metavar="PICTURE", help="The first picture.")
    parser.add_argument("--to", dest="last_image", type=Path, metavar="PICTURE", help="The last picture.")
    parser.add_argument("--video", type=Path, metavar="FILE", help="A video that is changed, or whose motion is taken.")
    parser.add_argument("--mask", type=Path, metavar="FILE", help="A video, white where --video may change.")
    parser.add_argument("--face", type=Path, metavar="FILE", help="A video of a face, for models that animate.")
    parser.add_argument(
        "--reference",
        action="append",
        default=[],
        type=Path,
        metavar="PICTURE",
        help="Who or what is to be seen, for models that take it. May be given several times.",
    )
    parser.add_argument(
        "--codec", choices=("h264", "av1", "vp9"), metavar="NAME", help="h264, av1 or vp9. Default: h264."
    )
    parser.add_argument("--lora", metavar="NAME", help="A LoRA of the model, like a distilled one of few steps.")
    parser.add_argument("--accelerate", metavar="NAME", help="Trade exactness for speed, like first-block-cache.")
    parser.add_argument("--seed", default="0", metavar="N", help="The first one's; they count up. Default: 0.")
    add_flags(parser, "model", "threads", "memory")


def run(args: argparse.Namespace) -> int:
    """Make it, or them."""
    from tenku.studio.model import Kind
    from tenku.studio.recipes.asks import asset_asks
    from tenku.studio.recipes.assets import Assets
    from tenku.studio.styles.finish import Finish

    if not args.prompt.strip():
        raise UsageError("The prompt is empty.", hint="Say what happens, like 'a dragon circles a tower'.")
    count = whole("--count", args.count, low=1, high=MOST)
    name = slug(args.prompt)
    with workshop(args) as shop:
        model = shop.model_name(Kind.VIDEO, name=vars(args).get("model") or "")
        asks = asset_asks(
            Kind.VIDEO,
            args.prompt,
            model=model,
            parameters=parameters_of(args, shop),
            count=count,
            seed=seed_of(args),
            name=name,
        )
        target = target_of(args, shop, name=name, count=count, style="", finish=Finish())
        target.record(asks)
        made = run_recipe(args, shop, Assets(asks), what="video", keep=target.keep, set_name=target.set_name)
        return finish_run(args, shop, made, target, what="video")


def parameters_of(args: argparse.Namespace, shop: "Workshop") -> "dict[str, Json]":
    """What the flags say. Raises UsageError."""
    given: dict[str, Json] = {
        **size_of(args),
        **numbers(args, seconds=(0.1, 10), fps=(1, 60), steps=(1, 200), guidance=(0, 50)),
        **texts(args, "negative", "sound", "speech", "voice", "sound_model", "speech_model"),
        **texts(args, "codec", "lora", "accelerate"),
    }
    for name, flag in (("image", "--from"), ("last_image", "--to")):
        if path := getattr(args, name):
            given[name] = picture_input(shop, path, what=flag)
    for name in ("video", "mask", "face"):
        if path := getattr(args, name):
            given[name] = video_input(shop, path, what=f"--{name}")
    if args.reference:
        given["references"] = [picture_input(shop, path, what="--reference") for path in args.reference]
    return given
