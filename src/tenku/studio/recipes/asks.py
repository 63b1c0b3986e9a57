"""One prompt, so many times: the asks with their names and seeds."""

from collections.abc import Mapping

from tenku.studio.model import JobSpec, Json, Kind
from tenku.studio.recipes.recipe import Ask

SEEDS = 2**32
"""After the largest seed comes 0."""


def asset_asks(
    kind: Kind,
    prompt: str,
    *,
    model: str,
    parameters: Mapping[str, Json],
    count: int,
    seed: int,
    name: str = "",
    line: int = 0,
) -> list[Ask]:
    """So many jobs of one prompt, with seeds that follow each other.

    They are called `0001`, `0002` and so on behind the name; a single one that has a name is called just that.
    """
    return [
        Ask(
            key=key_of(name, number, count),
            line=line,
            spec=JobSpec(
                kind=kind,
                model=model,
                prompt=prompt,
                parameters=parameters,
                seed=(seed + number) % SEEDS,
                row=number,
            ),
        )
        for number in range(count)
    ]


def key_of(name: str, number: int, count: int) -> str:
    """What one of several is called: `0001` and so on behind the name; a single one that has a name just that."""
    if not name:
        return f"{number + 1:04}"
    return name if count == 1 else f"{name}-{number + 1:04}"
