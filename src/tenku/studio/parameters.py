"""Reads the parameters of a job one by one; what is left over at the end is refused by name."""

import math
import re
from collections.abc import Mapping, Sequence

from tenku.base.errors import JobError
from tenku.studio.model import JobSpec, Json, Kind

_INPUT = re.compile(r"[0-9a-f]{64}")
LONGEST_TEXT = 20_000
"""Characters of one text."""


class Parameters:
    """The parameters of one job. Every method raises JobError with the parameter's name and what it may be."""

    def __init__(self, spec: JobSpec, kind: Kind) -> None:
        if spec.kind is not kind:
            raise JobError(f"This makes {kind.value}, and no {spec.kind.value}.", hint="See `tenku models`.")
        self._kind = kind
        self._given: Mapping[str, Json] = spec.parameters
        self._known: list[str] = []

    def whole(self, name: str, default: int, *, low: int, high: int, multiple: int = 1) -> int:
        """A whole number from `low` to `high`, and a multiple of something where that is wanted."""
        value = self._get(name)
        if value is None:
            return default
        whole = isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
        if not whole or not low <= value <= high or int(value) % multiple:  # type: ignore[operator,arg-type]
            more = f", and a multiple of {multiple}" if multiple > 1 else ""
            raise self._wrong(name, value, f"a whole number from {low} to {high}{more}")
        return int(value)  # type: ignore[arg-type]

    def number(self, name: str, default: float, *, low: float, high: float) -> float:
        """A finite number from `low` to `high`."""
        value = self._get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._wrong(name, value, f"a number from {low:g} to {high:g}")
        if not low <= value <= high:
            raise self._wrong(name, value, f"a number from {low:g} to {high:g}")
        return float(value)

    def text(self, name: str, default: str = "") -> str:
        """A text."""
        value = self._get(name)
        if value is None:
            return default
        if not isinstance(value, str) or len(value) > LONGEST_TEXT:
            raise self._wrong(name, value, f"a text of at most {LONGEST_TEXT} characters")
        return value

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """One of several words; `default` may be none of them."""
        value = self._get(name)
        if value is None:
            return default
        if value not in choices:
            raise self._wrong(name, value, f"one of {', '.join(choices)}")
        return str(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """True or false."""
        value = self._get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self._wrong(name, value, "true or false")
        return value

    def input(self, name: str) -> str:
        """The name of an input file, or empty."""
        value = self._get(name)
        if value is None or value == "":
            return ""
        if not isinstance(value, str) or not _INPUT.fullmatch(value):
            raise self._wrong(name, value, "the name of a file that was handed in")
        return value

    def inputs(self, name: str, *, most: int) -> tuple[str, ...]:
        """The names of several input files."""
        value = self._get(name)
        if value is None:
            return ()
        right = isinstance(value, list | tuple) and len(value) <= most
        if not right or not all(isinstance(each, str) and _INPUT.fullmatch(each) for each in value):  # type: ignore[union-attr]
            raise self._wrong(name, value, f"a list of at most {most} names of files that were handed in")
        return tuple(str(each) for each in value)  # type: ignore[union-attr]

    def end(self) -> None:
        """Refuse what nobody asked for."""
        if unknown := sorted(self._given.keys() - set(self._known)):
            raise JobError(
                f"A job of the kind {self._kind.value} has no parameter {unknown[0][:80]!r}.",
                hint=f"It has {', '.join(self._known)}.",
                parameter=unknown[0],
            )

    def _get(self, name: str) -> Json:
        self._known.append(name)
        return self._given.get(name)

    def _wrong(self, name: str, value: Json, right: str) -> JobError:
        return JobError(
            f"{name} is {str(value)[:80]!r}; it has to be {right}.", hint="Change it, and try again.", parameter=name
        )
