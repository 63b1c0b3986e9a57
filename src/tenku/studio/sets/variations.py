"""What is asked for when something else is wanted in the same place."""

from dataclasses import replace

from tenku.base.errors import UsageError
from tenku.studio.model import JobSpec
from tenku.studio.recipes.recipe import AGAIN

SEEDS = 2**32


def new_take(spec: JobSpec, number: int) -> JobSpec:
    """The same with another seed: the one for the take after so many, the same at every call."""
    return replace(spec, seed=(spec.seed + number * AGAIN) % SEEDS)


def nearby(spec: JobSpec, picture: str, *, near: float) -> JobSpec:
    """The same, begun from a picture of which so much is kept. `picture`: an input. Raises UsageError."""
    if not 0 < near < 1:
        raise UsageError(f"near is {near:g}.", hint="It is a number between 0 and 1: 0.5 keeps the forms.")
    if spec.parameters.get("task", "make") != "make":
        raise UsageError("This was made from a picture already.", hint="Leave --near out: only the seed is new then.")
    return replace(spec, parameters={**spec.parameters, "image": picture, "strength": round(1 - near, 3)})
