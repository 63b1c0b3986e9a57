"""Plain texts and items: each prompt is one job, and what comes back counts as it is."""

from collections.abc import Mapping, Sequence

from tenku.studio import schema as schemas
from tenku.studio.model import Json, Kind
from tenku.studio.recipes.asks import asset_asks
from tenku.studio.recipes.recipe import Answer, Ask, answer_of


class Texts:
    """Implements `Recipe`: asks once for each; the seed says which answer it is, so no other one is tried."""

    def __init__(self, asks: Sequence[Ask]) -> None:
        self._asks = asks

    def asks(self) -> Sequence[Ask]:
        """See `Recipe`."""
        return self._asks

    def take(self, ask: Ask, answer: Answer) -> Ask | str:
        """See `Recipe`."""
        text, schema = answer.text(), ask.spec.parameters.get("schema")
        if not isinstance(schema, Mapping):
            return "" if text.strip() else "the answer is empty"
        try:
            return schemas.fault(answer_of(text), schema)
        except ValueError as error:
            return str(error)


def text_asks(
    prompt: str, *, model: str, parameters: Mapping[str, Json], count: int, seed: int, name: str = "", line: int = 0
) -> list[Ask]:
    """So many texts of one prompt; see `asset_asks`."""
    return asset_asks(
        Kind.TEXT, prompt, model=model, parameters=parameters, count=count, seed=seed, name=name, line=line
    )
