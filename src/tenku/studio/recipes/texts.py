"""Plain texts and items: each prompt is one job, and what comes back counts as it is."""

from collections.abc import Mapping, Sequence

from tenku.studio import schema as schemas
from tenku.studio.model import JobSpec, Json, Kind
from tenku.studio.recipes.recipe import Ask, answer_of


class Texts:
    """Implements `Recipe`: asks once for each; the seed says which answer it is, so no other one is tried."""

    def __init__(self, asks: Sequence[Ask]) -> None:
        self._asks = asks

    def asks(self) -> Sequence[Ask]:
        """See `Recipe`."""
        return self._asks

    def take(self, ask: Ask, text: str) -> Ask | str:
        """See `Recipe`."""
        schema = ask.spec.parameters.get("schema")
        if not isinstance(schema, Mapping):
            return "" if text.strip() else "the answer is empty"
        try:
            return schemas.fault(answer_of(text), schema)
        except ValueError as error:
            return str(error)


def text_asks(
    prompt: str, *, model: str, parameters: Mapping[str, Json], count: int, seed: int, name: str = "", line: int = 0
) -> list[Ask]:
    """So many jobs of one prompt, with seeds that follow each other.

    They are called `0001`, `0002` and so on behind the name; a single one that has a name is called just that.
    """
    return [
        Ask(
            key=_key(name, number, count),
            line=line,
            spec=JobSpec(
                kind=Kind.TEXT,
                model=model,
                prompt=prompt,
                parameters=parameters,
                seed=seed + number,
                row=number,
            ),
        )
        for number in range(count)
    ]


def _key(name: str, number: int, count: int) -> str:
    if not name:
        return f"{number + 1:04}"
    return name if count == 1 else f"{name}-{number + 1:04}"
