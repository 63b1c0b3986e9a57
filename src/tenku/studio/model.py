"""The nouns of studio: model, job, its specification and state, output. All of them plain data."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NewType

JobId = NewType("JobId", str)
"""12 characters, letters and digits: short enough to type, random."""

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]


class Kind(enum.Enum):
    """What a job makes."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    SOUND = "sound"  # effects and ambience
    SPEECH = "speech"


class State(enum.Enum):
    """Where a job is."""

    QUEUED = "queued"  # accepted and written down; nothing loses it from now on
    RUNNING = "running"  # a worker holds it
    DONE = "done"  # its outputs are on the disk
    FAILED = "failed"  # it will not be tried again; `error` says why
    CANCELLED = "cancelled"  # somebody did not want it any more

    @property
    def ended(self) -> bool:
        """Whether nothing happens to it any more."""
        return self in (State.DONE, State.FAILED, State.CANCELLED)


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """What is to be made. Plain data: it is stored as JSON, and may one day be sent to another machine."""

    kind: Kind
    model: str
    """A name in the catalogue of installed models."""
    prompt: str
    parameters: Mapping[str, Json] = field(default_factory=dict)
    """What the kind and the engine know, like `schema`, `temperature`, `messages`; unknown ones are refused."""
    seed: int = 0
    team: str = "studio"
    """Whose share of the machine it takes."""
    priority: int = 0
    """Higher first, within a team."""
    deadline_s: float | None = None
    """Seconds after it was accepted at which it fails if it has not begun."""
    batch: str = ""
    """Jobs that belong together have the same one."""
    row: int = 0
    """The place in its batch."""


@dataclass(frozen=True)
class Progress:
    """How far a job is."""

    done: int
    total: int
    """Steps, tokens or rows: what `unit` says. 0: not known."""
    unit: str = "steps"
    held: bool = False
    """It stands still: players have the device."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """One thing that a job made."""

    name: str
    """A file name without folders."""
    media_type: str
    """Like `application/json` or `image/png`."""
    data: bytes


@dataclass(frozen=True, kw_only=True)
class StoredOutput:
    """An output on the disk."""

    name: str
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a job took."""

    seconds: float
    prompt_tokens: int = 0
    completion_tokens: int = 0
    memory: int = 0
    """The most bytes of the device that were in use while it was done; 0: not measured."""


@dataclass(frozen=True)
class Spread:
    """What is expected, and the bounds that one job in ten each is expected to go beyond. All 0: not known."""

    likely: float = 0.0
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a job will take, without the time that it waits."""

    seconds: float
    """On the device."""
    low: float
    """One job in ten is expected to take less."""
    high: float
    """One job in ten is expected to take more."""
    jobs: int
    """From so many that are done; 0: a guess."""
    memory: Spread = Spread()
    """Bytes of the device that are in use at most."""
    cost: Spread = Spread()
    """In the money that `control.price_per_hour` is in."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as the database has it. Times are seconds since 1970."""

    id: JobId
    spec: JobSpec
    state: State
    accepted: float
    started: float | None = None
    ended: float | None = None
    attempts: int = 0
    progress: Progress = Progress(0, 0)
    error: str = ""
    """One sentence, where it failed."""
    outputs: Sequence[StoredOutput] = ()
    usage: Usage | None = None
    estimate: Estimate | None = None
    """What was expected when it was accepted."""
    cancel: bool = False
    """Somebody asked for its end; the worker sees it at its next step."""


@dataclass(frozen=True, kw_only=True)
class InstalledModel:
    """Weights that are on this machine."""

    name: str
    kind: Kind
    engine: str
    """The engine's name in the registry, like `llama`."""
    path: str
    """The file or folder of the weights; for a remote engine its base URL."""
    hash: str
    """BLAKE3 of the weights as `file_hash`-like hex, or `remote`; part of every result's key."""
    size: int
    """Bytes."""
    licence: str
    """As SPDX writes it, or the licence's own name."""
    accepted: bool = True
    """Whether the licence was accepted where it has to be."""
    parameters: Mapping[str, Json] = field(default_factory=dict)
    """What the engine needs to know: context length, remote model name, …"""
