"""A workplace for tests of recipes: real jobs, results and runner, and an engine that answers what the test says."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tenku.base.errors import CancelledJob, JobError
from tenku.control.jobs.queue import Jobs
from tenku.studio.desk import EmptyDesk
from tenku.studio.making import Making, Piece, Places
from tenku.studio.model import InstalledModel, JobId, JobSpec, Kind, Output, Progress, StoredOutput, Usage
from tenku.studio.pool import Pool
from tenku.studio.ports import Desk, Made, Step
from tenku.studio.recipes.recipe import Recipe
from tenku.studio.resultkey import Maker, result_key
from tenku.studio.results import Results
from tenku.studio.runner import Parts, Runner

MODEL = InstalledModel(name="m", kind=Kind.TEXT, engine="test", path="m", hash="0", size=1, licence="MIT")
MAKER = Maker(engine="test", version="1", device="cpu")


class Answers:
    """Implements `Engine`: says what a function of the job says; a JobError is raised."""

    def __init__(self, answer: Callable[[JobSpec], str]) -> None:
        self._answer = answer
        self.asked: list[JobSpec] = []
        self.hold = threading.Event()
        self.hold.set()

    def run(self, spec: JobSpec, *, desk: Desk, report: Callable[[Step], None], stop: Callable[[], bool]) -> Made:  # noqa: ARG002
        """See `Engine`."""
        self.asked.append(spec)
        report(Step(Progress(1, 2, "tokens")))
        while not self.hold.wait(0.01):
            if stop():
                raise CancelledJob("The job was ended.")
        text = self._answer(spec)
        if text.startswith("error"):
            raise JobError(text)
        output = Output(name="text.txt", media_type="text/plain", data=text.encode())
        return Made(outputs=[output], usage=Usage(seconds=0.5))

    def close(self) -> None:
        """See `Engine`."""


class Place:
    """Jobs and results in a folder, and a worker in a thread."""

    def __init__(self, folder: Path, answer: Callable[[JobSpec], str]) -> None:
        self.jobs = Jobs(f"sqlite:///{folder / 'jobs.db'}")
        self.results = Results(folder / "results")
        self.engine = Answers(answer)
        self.ready: list[Piece] = []
        self._stopping = threading.Event()
        parts = Parts(
            queue=self.jobs,
            desk=EmptyDesk(),
            pool=Pool(lambda _: self.engine, budget=10, clock=time.monotonic),
            results=self.results,
            find=lambda _: MODEL,
            maker=lambda _: MAKER,
            now=time.time,
        )
        self._runner = Runner(parts, worker="w", lease_s=60, stopping=self._stopping)
        self._thread = threading.Thread(target=self._work)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Have a worker until the block ends."""
        self._thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            self._thread.join()
            self.jobs.close()

    def making(self, recipe: Recipe, *, batch: str = "b") -> Making:
        """A run of a recipe here."""
        return Making(
            Places(queue=self.jobs, results=self.results, known=self.known), recipe, batch=batch, watcher=self
        )

    def known(self, spec: JobSpec) -> tuple[JobId, Sequence[StoredOutput]] | None:
        """The result that is there."""
        return self.results.known(result_key(spec, MODEL, MAKER))

    def piece(self, piece: Piece) -> None:
        """See `Watcher`."""
        self.ready.append(piece)

    def running(self, job: JobId, progress: Progress) -> None:
        """See `Watcher`."""

    def _work(self) -> None:
        while not self._stopping.is_set():
            if not self._runner.run_next():
                self._stopping.wait(0.01)


def by_prompt(answers: Mapping[str, Sequence[str]]) -> Callable[[JobSpec], str]:
    """The next answer of those for a prompt's first line."""
    left = {prompt: list(texts) for prompt, texts in answers.items()}
    return lambda spec: left[spec.prompt].pop(0)
