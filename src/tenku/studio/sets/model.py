"""The nouns of asset sets: a set has places, a place has takes and a verdict."""

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tenku.base.errors import UsageError
from tenku.studio.model import JobId, JobSpec, Json, Progress, State, StoredOutput

_NAME = re.compile(r"[\w][\w .,()+-]{0,119}")


class Verdict(enum.Enum):
    """What somebody said of a place."""

    OPEN = "open"  # nobody said anything yet, or there is something new to look at
    APPROVED = "approved"  # the chosen take goes into the game
    REJECTED = "rejected"  # none of its takes does; the place waits for a new one


@dataclass(frozen=True, kw_only=True)
class Take:
    """One attempt at a place: a job, as it is now."""

    number: int
    """1, 2, … within its place."""
    job: JobId
    spec: JobSpec
    state: State
    progress: Progress
    outputs: Sequence[StoredOutput] = ()
    """The main one first; those of `job` in the results."""
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Place:
    """One asset of a set, whatever was made for it so far."""

    row: int
    name: str
    """As its file is called, without an ending."""
    spec: JobSpec
    """What was asked for first."""
    verdict: Verdict = Verdict.OPEN
    chosen: int = 0
    """The number of the take that was approved; 0: none."""
    style: str = ""
    """The name of a style of its own; empty: the set's."""
    takes: Sequence[Take] = ()

    def take(self, number: int) -> Take | None:
        """The take of this number."""
        return next((each for each in self.takes if each.number == number), None)

    @property
    def shown(self) -> Take | None:
        """What stands for the place: the chosen take, else the newest one that is done, else the newest."""
        done = [each for each in self.takes if each.state is State.DONE]
        newest = (done or list(self.takes))[-1:]
        return self.take(self.chosen) or next(iter(newest), None)


@dataclass(frozen=True, kw_only=True)
class AssetSet:
    """Assets that belong together, as they are now."""

    name: str
    team: str
    style: str = ""
    """The name of the style profile that they share; empty: none."""
    folder: str = ""
    """Where the command that made them put them; empty: nowhere."""
    finish: Mapping[str, Json] = field(default_factory=dict)
    """What is done with pictures once they are made, as `styles.finish.Finish` writes it down."""
    styles: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    """The same for styles that only some places have, by their names."""
    sheets: Sequence[Mapping[str, Json]] = ()
    """The sheets that it has, as `sets.sheetplan` writes them down."""
    created: float = 0.0
    changed: float = 0.0
    """Seconds since 1970."""
    places: Sequence[Place] = ()

    def of(self, *verdicts: Verdict) -> list[Place]:
        """Places with one of these verdicts."""
        return [each for each in self.places if each.verdict in verdicts]


@dataclass(frozen=True, kw_only=True)
class SetRow:
    """A set in a list."""

    name: str
    team: str
    style: str
    created: float
    changed: float
    """Seconds since 1970."""
    counts: Mapping[Verdict, int]
    """Places by verdict; all three are there."""
    unended: int
    """Jobs of it that are queued or at work."""

    @property
    def places(self) -> int:
        """How many there are."""
        return sum(self.counts.values())


def check_place_names(names: Sequence[str]) -> None:
    """Places become files: each has a name of its own that can be one. Raises UsageError."""
    seen: set[str] = set()
    for name in names:
        if not _NAME.fullmatch(name) or name.endswith((" ", ".")):
            raise UsageError(f"{name[:80]!r} cannot be the name of a file.", hint="Use letters, digits, - and _.")
        # Folders of some systems take `Sword` and `sword` for the same file.
        if name.casefold() in seen:
            raise UsageError(f"Two places are called {name}.", hint="Names are unique in a set.")
        seen.add(name.casefold())


def check_set_name(name: str) -> str:
    """A set's name, if it can be one. Raises UsageError."""
    if not _NAME.fullmatch(name) or name.endswith((" ", ".")):
        raise UsageError(
            f"{name[:80]!r} cannot be a set's name.", hint="Use letters, digits, spaces, - and _, at most 120."
        )
    return name
