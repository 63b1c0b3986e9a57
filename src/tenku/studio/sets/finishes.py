"""What is done with the pictures of a set: one finish for all, and one for each style that only some places have."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tenku.studio.model import Json
from tenku.studio.sets.model import AssetSet
from tenku.studio.styles.finish import Finish, finish_from, finish_json


@dataclass(frozen=True, kw_only=True)
class Finishes:
    """The finish of every place of a set."""

    usual: Finish = field(default_factory=Finish)
    """Of places that have no style of their own."""
    own: Mapping[str, Finish] = field(default_factory=dict)
    """By the name of the style."""

    def of(self, style: str) -> Finish:
        """The finish of places with this style of their own; empty: with none."""
        return self.own[style] if style else self.usual


def finishes_of(found: AssetSet) -> Finishes:
    """Those of a set, as they were written down."""
    own = {style: finish_from(plain) for style, plain in found.styles.items()}
    return Finishes(usual=finish_from(found.finish), own=own)


def styles_json(finishes: Finishes) -> dict[str, dict[str, Json]]:
    """The finishes of styles as plain data: `AssetSet.styles`."""
    return {style: finish_json(finish) for style, finish in finishes.own.items()}


def as_learned(new: Finishes, before: Finishes) -> Finishes:
    """The same, with the colours that were learned before: what is made anew gets those that the others have."""
    own = {style: _as_learned(each, before.own.get(style, each)) for style, each in new.own.items()}
    return Finishes(usual=_as_learned(new.usual, before.usual), own=own)


def _as_learned(new: Finish, before: Finish) -> Finish:
    return before if new.learns and replace(before, palette=()) == new else new
