"""The small interfaces of studio to the outside: engines, and where jobs come from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from tenku.studio.model import InstalledModel, Job, JobId, JobSpec, Json, Output, Progress, StoredOutput, Usage


@dataclass(frozen=True)
class Step:
    """Told by an engine while it works."""

    progress: Progress
    preview: bytes = b""
    """A small picture (PNG), or the text so far."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """What an engine made of one job."""

    outputs: Sequence[Output]
    """The main one first."""
    usage: Usage
    facts: Mapping[str, Json] = field(default_factory=dict)
    """What the provenance is to say besides the request, like `{"sound": "made beside the picture"}`."""


class Notes(Protocol):
    """What an engine has to know again when a job is tried again, also after a kill -9. Names are SHA-256 in hex."""

    def find(self, name: str) -> str:
        """What was written down in the last 24 hours; empty: nothing."""

    def keep(self, name: str, text: str) -> None:
        """Write something down; it is on the disk when this returns. Raises JobError: no room."""

    def drop(self, name: str) -> None:
        """Nobody needs it any more."""


class Desk(Protocol):
    """What an engine may ask for while it works."""

    @property
    def notes(self) -> Notes:
        """What engines have to know again."""

    def input(self, name: str) -> bytes:
        """The bytes of a file that came with the job, named as `Inputs.put` did. Raises JobError: it is not there."""

    def use(self, model: str) -> AbstractContextManager["Engine"]:
        """Another installed model, kept in memory until the block ends. Raises ModelError."""


class Engine(Protocol):
    """Runs jobs on one loaded model. Blocks: it lives in the worker's process, one job at a time."""

    def run(self, spec: JobSpec, *, desk: Desk, report: Callable[[Step], None], stop: Callable[[], bool]) -> Made:
        """Do one job.

        Args:
            desk: where files that came with the job, and other models, are to be had.
            report: told at every step.
            stop: asked at every step; True: end now by raising CancelledJob.

        Raises:
            JobError: it cannot be done; `again` says whether trying again may help.
            CancelledJob: `stop` said so.
        """

    def close(self) -> None:
        """Free the memory."""


class ChatEngine(Engine, Protocol):
    """An engine that also answers chats at once, several at a time."""

    def chat(self, request: Mapping[str, Any], *, stop: Callable[[], bool]) -> Iterator[Mapping[str, Any]]:
        """OpenAI's chat completion request to its chunks, or one whole completion where `stream` is not set.

        `stop` is asked while nothing comes, too; True: end now by raising CancelledJob. Leaving the iteration ends it
        as well.
        """

    def embed(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """OpenAI's embeddings request to its answer."""


Load = Callable[[InstalledModel], Engine]
"""Loads weights; the registry has one for each engine's name. Raises ModelError."""


Known = Callable[[JobId], Sequence[StoredOutput] | None]
"""Gives a job that is just being accepted its outputs, on the disk; None: it has to be done after all."""


class JobQueue(Protocol):
    """Where jobs are written down. Every call is one transaction; blocks for milliseconds."""

    def submit(self, specs: Sequence[JobSpec], *, known: Sequence[Known | None] = ()) -> list[Job]:
        """Accept jobs: all of them or none. From then on nothing loses them.

        Args:
            known: for each job what gives it a result that is there already: it is done at once. None: it has to be
                done. Fewer than there are jobs: so have the others.
        """

    def get(self, id: JobId) -> Job:
        """Raises UnknownJob."""

    def list(self, *, limit: int = 100, batch: str = "", team: str = "", unended: bool = False) -> list[Job]:
        """The newest first."""

    def cancel(self, id: JobId) -> Job:
        """A queued job ends; a running one is told so. One that ended stays as it is. Raises UnknownJob."""

    def claim(self, worker: str, *, lease_s: float) -> Job | None:
        """The job whose turn it is, now this worker's; None: nothing is queued.

        Jobs whose lease ran out are queued again first, or fail after `MAX_ATTEMPTS`.
        """

    def beat(self, id: JobId, worker: str, progress: Progress, *, lease_s: float) -> bool:
        """Hold on to a job, and say how far it is; False: stop, it was cancelled or is somebody else's."""

    def wanted(self, id: JobId, worker: str) -> bool:
        """Whether to go on with a job, without a word about it: False: it was cancelled or is somebody else's."""

    def finish(self, id: JobId, worker: str, made: "Finished") -> bool:
        """A job ended; False: it was somebody else's by now, and nothing was written."""

    def give_back(self, id: JobId, worker: str, *, seconds: float) -> bool:
        """The worker ends in mid-job: it is queued again, and the attempt does not count, its seconds do."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a job ended for the worker."""

    outputs: Sequence[Any] = ()
    """StoredOutput."""
    usage: Usage | None = None
    progress: Progress | None = None
    """How far it came; None: as it said last."""
    error: str = ""
    again: bool = False
    """It failed, and trying again may help."""
    cancelled: bool = False
