"""How texts are to be made: the flags that all of `tenku make` have, as a recipe's `Manner`."""

import argparse
from typing import TYPE_CHECKING

from tenku.base.convert import number
from tenku.base.errors import UsageError
from tenku.cli.studio import add_flags, whole

if TYPE_CHECKING:
    from tenku.studio.model import Json
    from tenku.studio.recipes.recipe import Manner
    from tenku.workshop import Workshop

LARGEST_SEED = 2**32 - 1
MOST_TOKENS = 1 << 20


def add_manner(parser: argparse.ArgumentParser, *, tries: bool) -> None:
    """The flags; `tries`: the recipe judges what comes, and may ask again."""
    parser.add_argument("--seed", default="0", metavar="N", help="The first job's; they count up. Default: 0.")
    parser.add_argument("--temperature", metavar="X", help="0 is sober, 1 is wild. Default: the model's.")
    parser.add_argument("--max-tokens", metavar="N", help="The longest that an answer may get. Default: 1024.")
    if tries:
        parser.add_argument("--tries", default="3", metavar="N", help="Attempts for each. Default: 3.")
    add_flags(parser, "model", "threads", "memory")


def manner_of(args: argparse.Namespace, shop: "Workshop") -> "Manner":
    """What was given, with the model that it means. Raises UsageError, ModelError."""
    from tenku.studio.recipes.recipe import Manner

    return Manner(
        model=shop.model_name(),
        seed=seed_of(args),
        tries=whole("--tries", getattr(args, "tries", "1"), low=1, high=100),
        parameters=parameters_of(args),
    )


def seed_of(args: argparse.Namespace) -> int:
    """The first seed. Raises UsageError."""
    return whole("--seed", args.seed, low=0, high=LARGEST_SEED)


def parameters_of(args: argparse.Namespace) -> "dict[str, Json]":
    """Temperature and the like, where they were given. Raises UsageError."""
    given: dict[str, Json] = {}
    if args.temperature is not None:
        given["temperature"] = _temperature(args.temperature)
    if args.max_tokens is not None:
        given["max_tokens"] = whole("--max-tokens", args.max_tokens, low=1, high=MOST_TOKENS)
    if getattr(args, "system", None):
        given["system"] = args.system
    return given


def _temperature(text: str) -> float:
    try:
        value = number(text)
    except ValueError as error:
        raise UsageError(f"--temperature: {text!r} cannot be used: {error}.") from None
    if not 0 <= value <= 5:
        raise UsageError(f"--temperature: {text!r} cannot be used: it is a number from 0 to 5.")
    return value
