"""Item tables: many items by one JSON Schema, no two with the same name, as one table."""

from collections.abc import Mapping, Sequence
from typing import Any

from tenku.studio import schema as schemas
from tenku.studio.model import Json
from tenku.studio.recipes.recipe import Answer, Ask, Manner, answer_of, next_attempt

SYSTEM = "You design items of a video game. Answer with one JSON object alone."


class Items:
    """Implements `Recipe`: one job an item, each with a seed of its own.

    Args:
        unique: the property that no two items may have the same value of; empty: they may be equal.
    """

    def __init__(self, prompt: str, schema: Mapping[str, Json], *, count: int, unique: str, manner: Manner) -> None:
        self._prompt = prompt
        self._schema = schema
        self._count = count
        self._unique = unique
        self._manner = manner
        self._made: dict[int, Mapping[str, Any]] = {}

    def asks(self) -> Sequence[Ask]:
        """See `Recipe`."""
        return [
            Ask(
                key=f"{row + 1:04}",
                spec=self._manner.spec(self._prompt, schema=self._schema, row=row, system=SYSTEM),
            )
            for row in range(self._count)
        ]

    def take(self, ask: Ask, answer: Answer) -> Ask | str:
        """See `Recipe`."""
        try:
            item = answer_of(answer.text())
        except ValueError as error:
            why = str(error)
        else:
            why = schemas.fault(item, self._schema) or self._doubled(item)
            if not why and isinstance(item, dict):
                self._made[ask.spec.row] = item
                return ""
            why = why or "the answer is no object"
        if ask.attempt >= self._manner.tries:
            return f"{why} (after {ask.attempt} attempts)"
        return next_attempt(ask, prompt=self._other())

    def rows(self) -> list[Mapping[str, Any]]:
        """The items that are there, in their order."""
        return [self._made[row] for row in sorted(self._made)]

    def _doubled(self, item: object) -> str:
        value = item.get(self._unique) if self._unique and isinstance(item, dict) else None
        if value is not None and any(each.get(self._unique) == value for each in self._made.values()):
            return f"{self._unique} {value!r} is there already"
        return ""

    def _other(self) -> str:
        names = [str(each[self._unique]) for each in self._made.values() if self._unique in each][-20:]
        return f"{self._prompt}\nThere are already: {', '.join(names)}. Make another one." if names else self._prompt
