"""An engine that does what a test tells it, for what no real engine does on demand; and parts around it."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tenku.base.errors import CancelledJob, ModelError
from tenku.control.jobs.queue import Jobs
from tenku.studio.desk import EmptyDesk
from tenku.studio.model import InstalledModel, JobSpec, Kind, Output, Progress, Usage
from tenku.studio.pool import Pool
from tenku.studio.ports import Desk, Engine, Made, Step
from tenku.studio.resultkey import Maker
from tenku.studio.results import Results
from tenku.studio.runner import Parts

MODEL = InstalledModel(
    name="writer", kind=Kind.TEXT, engine="scripted", path="nowhere", hash="ab" * 32, size=100, licence="Apache-2.0"
)
SPEC = JobSpec(kind=Kind.TEXT, model="writer", prompt="a fire sword")
MADE = (Output(name="text.txt", media_type="text/plain", data=b"a sword of fire\n"),)


@dataclass
class Scripted:
    """An engine that makes `outputs`, or fails with `error`; runs until it is stopped if `endless`."""

    outputs: Sequence[Output] = MADE
    error: Exception | None = None
    endless: bool = False
    runs: int = 0
    closed: bool = False
    begun: threading.Event = field(default_factory=threading.Event)

    def run(self, spec: JobSpec, *, desk: Desk, report: Callable[[Step], None], stop: Callable[[], bool]) -> Made:  # noqa: ARG002
        """Do what the test wants."""
        self.runs += 1
        report(Step(Progress(1, 2, "tokens")))
        self.begun.set()
        ticks = threading.Event()
        while self.endless:
            if stop():
                raise CancelledJob("It was ended.")
            ticks.wait(0.01)
        if self.error is not None:
            raise self.error
        return Made(outputs=self.outputs, usage=Usage(seconds=1.5, prompt_tokens=3, completion_tokens=4))

    def close(self) -> None:
        """Free nothing."""
        self.closed = True


@dataclass
class Clock:
    """A clock that a test moves."""

    seconds: float = 1_800_000_000.0

    def __call__(self) -> float:
        """The time."""
        return self.seconds


@dataclass
class Scene:
    """A runner's parts with a real database and a real folder."""

    parts: Parts
    jobs: Jobs
    engine: Scripted
    clock: Clock


def desk(folder: Path, engine: Scripted, *, model: InstalledModel = MODEL, now: Clock | None = None) -> Scene:
    """Parts with one installed model."""
    clock = now or Clock()
    jobs = Jobs(f"sqlite:///{folder / 'jobs.db'}", now=clock)

    def load(wanted: InstalledModel) -> Engine:
        assert wanted == model
        return engine

    def find(name: str) -> InstalledModel:
        if name != model.name:
            raise ModelError(f"There is no model {name} here.")
        return replace(model)

    parts = Parts(
        queue=jobs,
        desk=EmptyDesk(),
        pool=Pool(load, budget=1000, clock=clock),
        results=Results(folder / "results"),
        find=find,
        maker=lambda model: Maker(engine=model.engine, version="1", device="cpu"),
        now=clock,
    )
    return Scene(parts, jobs, engine, clock)
