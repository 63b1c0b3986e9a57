"""Has a recipe's jobs made: hands them in, waits, asks again where the recipe says so; ends them when interrupted."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from tenku.studio.model import Job, JobId, JobSpec, Progress, State, StoredOutput
from tenku.studio.ports import JobQueue
from tenku.studio.recipes.recipe import Answer, Ask, Recipe
from tenku.studio.results import Results

LOOK_S = 0.1
"""Between two looks at the queue."""
CHUNK = 500
"""Jobs that are handed in at once: one transaction stays short, whatever the batch."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """What became of one ask of a recipe."""

    ask: Ask
    state: State
    paths: Sequence[Path] = ()
    """The outputs, among the results, the main one first."""
    outputs: Sequence[StoredOutput] = ()
    job: JobId | None = None
    seconds: float = 0.0
    """Of all its attempts."""
    reused: bool = False
    """It was there already: nothing was made."""
    error: str = ""

    @property
    def path(self) -> Path | None:
        """The main output, where there is one."""
        return self.paths[0] if self.paths else None


class Watcher(Protocol):
    """Told how it goes."""

    def piece(self, piece: Piece) -> None:
        """One is ready, or will never be."""

    def running(self, job: JobId, progress: Progress) -> None:
        """This job is at work."""


class TakeBook(Protocol):
    """Where it is written down which job is for which place of an asset set."""

    def submit(self, specs: Sequence[JobSpec]) -> Sequence[Job]:
        """As `JobQueue.submit`; the takes are written down in the same transaction."""

    def found(self, spec: JobSpec, job: JobId) -> bool:
        """A job that is there already is for the place `spec.row`; False: it has to be handed in all the same."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where jobs and results are."""

    queue: JobQueue
    results: Results
    known: Callable[[JobSpec], tuple[JobId, Sequence[StoredOutput]] | None]
    """The result that is there for such a job already, and the job that has it."""
    takes: TakeBook | None = None
    """The asset set that all of this is for; None: none."""


class Making:
    """One run of one recipe.

    Args:
        batch: what its jobs have in common; the same for the same arguments, so that jobs which a killed command
            left in the queue are found again.
    """

    def __init__(self, places: Places, recipe: Recipe, *, batch: str, watcher: Watcher) -> None:
        self._places = places
        self._recipe = recipe
        self._batch = batch
        self._watcher = watcher
        self._waiting: dict[JobId, Ask] = {}
        self._spent: dict[str, float] = {}
        self.pieces: list[Piece] = []

    def reuse(self, asks: Sequence[Ask]) -> list[Ask]:
        """Take what was made before; the asks that have to be made now."""
        rest: list[Ask] = []
        for ask in asks:
            left: Ask | None = ask
            while left is not None:
                known = self._places.known(left.spec)
                if known is None or not self._is_take(left, known[0]):
                    rest.append(left)
                    break
                left = self._judge(left, known[0], known[1], reused=True)
        return rest

    async def run(self, asks: Sequence[Ask], *, check: Callable[[], None]) -> None:
        """Have them made. However it ends, no job of it is left in the queue.

        Args:
            check: asked at every look; raises StudioError where nobody works any more.

        Raises:
            StudioError: a job is refused, or nobody works any more.
        """
        try:
            self._hand_in(asks)
            while self._waiting:
                await asyncio.sleep(LOOK_S)
                check()
                self._look()
        finally:
            for id in self._waiting:
                self._places.queue.cancel(id)

    def _hand_in(self, wanted: Sequence[Ask]) -> None:
        asks = self._adopt(wanted) if wanted else []
        for start in range(0, len(asks), CHUNK):
            some = asks[start : start + CHUNK]
            submit = self._places.takes.submit if self._places.takes else self._places.queue.submit
            jobs = submit([replace(ask.spec, batch=self._batch) for ask in some])
            self._waiting |= {job.id: ask for job, ask in zip(jobs, some, strict=True)}

    def _adopt(self, asks: Sequence[Ask]) -> list[Ask]:
        """Wait for jobs that an earlier run handed in, where they have not ended; the asks that have none."""
        there = self._places.queue.list(batch=self._batch, unended=True, limit=len(asks) + CHUNK)
        rest = []
        for ask in asks:
            wanted = replace(ask.spec, batch=self._batch)
            job = next((job for job in there if not job.cancel and job.spec == wanted), None)
            if job is None or job.id in self._waiting:
                rest.append(ask)
            else:
                self._is_take(ask, job.id)
                self._waiting[job.id] = ask
        return rest

    def _is_take(self, ask: Ask, job: JobId) -> bool:
        return self._places.takes is None or self._places.takes.found(ask.spec, job)

    def _look(self) -> None:
        queue = self._places.queue
        unended = {job.id: job for job in queue.list(batch=self._batch, unended=True, limit=len(self._waiting) + CHUNK)}
        for job in unended.values():
            if job.id in self._waiting and job.state is State.RUNNING:
                self._watcher.running(job.id, job.progress)
        for id in [id for id in self._waiting if id not in unended]:
            job = queue.get(id)
            if job.state.ended:
                self._end(job, self._waiting.pop(id))

    def _end(self, job: Job, ask: Ask) -> None:
        self._spent[ask.key] = self._spent.get(ask.key, 0.0) + (job.usage.seconds if job.usage else 0.0)
        if job.state is not State.DONE:
            error = job.error or "It was cancelled."
            self._ready(Piece(ask=ask, state=job.state, job=job.id, seconds=self._spent[ask.key], error=error))
        else:
            again = self._judge(ask, job.id, job.outputs, reused=False)
            self._hand_in(self.reuse([again] if again else []))

    def _judge(self, ask: Ask, id: JobId, outputs: Sequence[StoredOutput], *, reused: bool) -> Ask | None:
        """Let the recipe look at an answer; what it wants to have tried next."""
        paths = [self._places.results.path(id, each.name) for each in outputs]
        verdict = self._recipe.take(ask, Answer(files=paths))
        if isinstance(verdict, Ask):
            return verdict
        state = State.FAILED if verdict else State.DONE
        error = f"{verdict[:1].upper()}{verdict[1:]}." if verdict else ""
        seconds = self._spent.get(ask.key, 0.0)
        piece = Piece(
            ask=ask,
            state=state,
            paths=paths,
            outputs=outputs,
            job=id,
            seconds=seconds,
            reused=reused and not seconds,
            error=error,
        )
        self._ready(piece)
        return None

    def _ready(self, piece: Piece) -> None:
        self.pieces.append(piece)
        self._watcher.piece(piece)
