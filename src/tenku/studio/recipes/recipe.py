"""What a recipe is: it asks for jobs, takes their answers, and may ask again where one is not good."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from tenku.studio.model import JobSpec, Json, Kind

AGAIN = 1_000_003
"""Added to the seed of each new attempt: far from the seeds of its neighbours, and the same at every run."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One thing that a recipe wants to have made."""

    key: str
    """The row, character or item that it is for, as people name it."""
    spec: JobSpec
    attempt: int = 1
    line: int = 0
    """Of the file that it came from; 0: of none."""
    style: str = ""
    """The name of a style of its own; empty: whatever the others have."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a job made for an ask: files among the results, the main one first."""

    files: Sequence[Path]

    @property
    def main(self) -> Path:
        """The main one."""
        return self.files[0]

    def data(self) -> bytes:
        """The main one's bytes. Raises OSError."""
        return self.main.read_bytes()

    def text(self) -> str:
        """The main one as a text. Raises OSError."""
        return self.data().decode("utf-8", "replace")


class Recipe(Protocol):
    """Asks and judges; waits for nothing and writes nothing."""

    def asks(self) -> Sequence[Ask]:
        """What is wanted first."""

    def take(self, ask: Ask, answer: Answer) -> Ask | str:
        """An answer came. Another ask: try this; a text: why it is not good and was the last attempt, empty: good."""


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a recipe's jobs are to be run."""

    model: str
    seed: int = 0
    tries: int = 3
    """Attempts for each, the first one included."""
    parameters: Mapping[str, Json] = field(default_factory=dict)
    """For all of its jobs: temperature and the like."""

    def spec(self, prompt: str, *, schema: Mapping[str, Json], row: int, system: str) -> JobSpec:
        """A text job; every row has a seed of its own."""
        parameters = {**self.parameters, "schema": schema, "system": system}
        return JobSpec(
            kind=Kind.TEXT, model=self.model, prompt=prompt, parameters=parameters, seed=self.seed + row, row=row
        )


def next_attempt(ask: Ask, *, prompt: str = "", schema: Mapping[str, Json] | None = None) -> Ask:
    """The same again, with another seed, and another prompt or schema where one is given."""
    parameters = ask.spec.parameters if schema is None else {**ask.spec.parameters, "schema": schema}
    spec = replace(ask.spec, prompt=prompt or ask.spec.prompt, parameters=parameters, seed=ask.spec.seed + AGAIN)
    return replace(ask, spec=spec, attempt=ask.attempt + 1)


def answer_of(text: str) -> object:
    """The JSON in an answer. Raises ValueError with what is wrong, as part of a sentence."""
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError("the answer is no whole JSON; more tokens (--max-tokens) may help") from None
    except RecursionError:
        raise ValueError("the answer is nested too deeply") from None
