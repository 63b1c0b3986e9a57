"""A device that a test lets go on step by step, with an engine on it, and a runner around them."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from studio_scripted import MODEL, SPEC, Clock, Scene, Scripted, desk
from studio_serve import until
from tenku.base.errors import CancelledJob
from tenku.studio.heart import Rhythm
from tenku.studio.model import InstalledModel, Job, JobSpec, Kind, Output, Progress, State, Usage
from tenku.studio.ports import Desk, Made, Step
from tenku.studio.runner import Runner
from tenku.studio.turnstile import PlayersFirst

PAINTER = replace(MODEL, name="painter", kind=Kind.IMAGE)
PICTURE = JobSpec(kind=Kind.IMAGE, model="painter", prompt="a potion")
QUICK = Rhythm(look_s=0.01, beat_s=0.02, preview_s=0.0)
STEPS = 10


@dataclass
class Device(Scripted):
    """Does the steps that a test allows; each one shows a preview."""

    allowed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    done: list[int] = field(default_factory=list)

    def run(self, spec: JobSpec, *, desk: Desk, report: Callable[[Step], None], stop: Callable[[], bool]) -> Made:  # noqa: ARG002
        """Paint."""
        self.runs += 1
        began = time.monotonic()
        for step in range(STEPS):
            while not self.allowed.acquire(timeout=0.01):
                if stop():
                    raise CancelledJob("It was ended.")
            self.done.append(step)
            report(Step(Progress(step + 1, STEPS), b"\x89PNG\r\n\x1a\n picture %d" % step))
            self.begun.set()
            if stop():
                raise CancelledJob("It was ended.")
        picture = Output(name="image.png", media_type="image/png", data=b"a picture")
        return Made(outputs=[picture], usage=Usage(seconds=time.monotonic() - began, memory=5_000_000))

    def allow(self, steps: int) -> None:
        """Let it do so many more."""
        for _ in range(steps):
            self.allowed.release()


@dataclass
class Players:
    """Implements `Turnstile`: a test says when somebody plays."""

    playing: bool = False

    def wanted(self) -> bool:
        """See `Turnstile`."""
        return self.playing


@dataclass
class Stage:
    """A runner in a thread, at work on one job after the other until the block ends."""

    scene: Scene
    device: Device
    players: Players
    stopping: threading.Event = field(default_factory=threading.Event)
    rhythm: Rhythm = QUICK

    def __enter__(self) -> "Stage":
        runner = Runner(self.scene.parts, worker="w", lease_s=60, stopping=self.stopping, rhythm=self.rhythm)

        def work() -> None:
            while not self.stopping.is_set():
                if not runner.run_next():
                    self.stopping.wait(0.01)

        self._thread = threading.Thread(target=work)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.device.allow(STEPS * 10)
        self._thread.join(20)
        assert not self._thread.is_alive()
        self.scene.jobs.close()

    def submit(self, spec: JobSpec = PICTURE) -> Job:
        """Hand in one job."""
        [job] = self.scene.jobs.submit([spec])
        return job

    def look(self, job: Job) -> Job:
        """The job as it is now."""
        return self.scene.jobs.get(job.id)

    def wait(self, job: Job, state: State) -> Job:
        """The job, once it is in this state."""
        until(lambda: self.look(job).state is state, f"{job.id} is {state}", patience_s=20)
        return self.look(job)

    def wait_step(self, step: int) -> None:
        """Until so many steps were done."""
        until(lambda: len(self.device.done) >= step, f"step {step}", patience_s=20)


def stage(
    folder: Path,
    *,
    policy: PlayersFirst = PlayersFirst.PAUSE,
    model: InstalledModel = PAINTER,
    rhythm: Rhythm = QUICK,
) -> Stage:
    """A stage with one model."""
    device, players = Device(), Players()
    scene = desk(folder, device, model=model, now=Clock())
    scene.parts = replace(scene.parts, turnstile=players, players_first=policy)
    return Stage(scene, device, players, rhythm=rhythm)


__all__ = ["PICTURE", "SPEC", "STEPS", "Device", "Players", "Stage", "stage"]
