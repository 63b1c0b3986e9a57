"""Jobs of a real engine of pictures: they wait for players and draw the same; killed workers lose none of them."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from studio_assets import install_folder
from studio_house import House
from studio_serve import until
from studio_stepping import Players
from studio_tiny import Tiny, image_model, tiny_image
from tenku.accel.claim import claim_path, claimed
from tenku.control.jobs.queue import Jobs
from tenku.studio import registry
from tenku.studio.desk import EmptyDesk
from tenku.studio.heart import Rhythm
from tenku.studio.makers import Makers
from tenku.studio.model import InstalledModel, JobId, JobSpec, Kind, Progress, State
from tenku.studio.pool import Pool
from tenku.studio.previews import PNG
from tenku.studio.results import Results
from tenku.studio.runner import Parts, Runner

__all__ = ["tiny_image"]

LEASE_S = 3
STEPS = 100
"""More than are done before a machine under load notices that somebody plays."""


def picture(*, steps: int, side: int = 64, seed: int = 7) -> JobSpec:
    parameters = {"width": side, "height": side, "steps": steps}
    return JobSpec(kind=Kind.IMAGE, model="tiny", prompt="a potion", parameters=parameters, seed=seed)


@dataclass
class Bench:
    """A runner on a real engine."""

    jobs: Jobs
    results: Results
    runner: Runner
    players: "FromTheFirstStep"


@dataclass
class FromTheFirstStep(Players):
    """They play once something has begun, however quick or busy this machine is."""

    begun: Callable[[], bool] = lambda: False

    def wanted(self) -> bool:
        """See `Turnstile`."""
        return self.playing and self.begun()


def bench(folder: Path, model: InstalledModel) -> Bench:
    """Everything real but the players. Results of other benches are not seen here."""
    jobs, results, players = Jobs(f"sqlite:///{folder / 'jobs.db'}"), Results(folder / "results"), FromTheFirstStep()
    parts = Parts(
        queue=jobs,
        desk=EmptyDesk(),
        pool=Pool(registry.load, budget=10**12, clock=time.monotonic),
        results=results,
        find=lambda _: model,
        maker=Makers(lambda _: model).maker,
        now=time.time,
        turnstile=players,
    )
    rhythm = Rhythm(look_s=0.01, beat_s=0.02, preview_s=0.0)
    return Bench(
        jobs, results, Runner(parts, worker="w", lease_s=60, stopping=threading.Event(), rhythm=rhythm), players
    )


def drawn(it: Bench, id: JobId) -> bytes:
    job = it.jobs.get(id)
    assert job.state is State.DONE, job.error
    return it.results.path(id, job.outputs[0].name).read_bytes()


def test_a_picture_that_waited_for_players_is_the_same_picture(tmp_path: Path, tiny_image: Tiny) -> None:
    """The engine stands still between two steps, with its latents in memory."""
    model = image_model(tiny_image("qwenimage"))
    spec = picture(steps=STEPS, side=128)
    for name in ("straight", "waited"):
        (tmp_path / name).mkdir()
    straight, waited = bench(tmp_path / "straight", model), bench(tmp_path / "waited", model)
    [one] = straight.jobs.submit([spec])
    assert straight.runner.run_next()

    [other] = waited.jobs.submit([spec])
    waited.players.begun = lambda: waited.jobs.get(other.id).progress.done >= 1
    waited.players.playing = True
    thread = threading.Thread(target=waited.runner.run_next)
    thread.start()
    until(lambda: waited.jobs.get(other.id).progress.held, "it says that it stands still")
    held = waited.jobs.get(other.id)
    assert (held.state, held.attempts) == (State.RUNNING, 1)
    assert 1 <= held.progress.done < STEPS
    threading.Event().wait(0.3)
    assert waited.jobs.get(other.id).progress == held.progress
    waited.players.playing = False
    thread.join(60)
    assert drawn(waited, other.id) == drawn(straight, one.id)
    done = waited.jobs.get(other.id)
    assert (done.attempts, done.progress) == (1, Progress(STEPS, STEPS))
    assert done.usage is not None
    assert done.usage.memory > 0
    for it in (straight, waited):
        it.jobs.close()


@contextlib.contextmanager
def worker(house: House, base: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A real worker's process."""
    command = [sys.executable, "-m", "tenku.control.worker", "--name", "w", "--socket", str(base / "s")]
    command += ["--folder", str(house.models.folder.parent), "--threads", "1", "--lease-s", str(LEASE_S)]
    command += ["--players", str(claim_path(base))]
    process = subprocess.Popen(command, env=house.environment, stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


def test_a_killed_worker_loses_no_picture_and_the_next_one_waits_for_players(tmp_path: Path, tiny_image: Tiny) -> None:
    house = House(tmp_path)
    install_folder(house, replace(image_model(tiny_image("qwenimage")), name="tiny"), tiny_image("qwenimage"))
    results = Results(house.models.folder.parent / "results")
    with house.jobs() as jobs:
        [long] = jobs.submit([picture(steps=200, side=256)])
        with worker(house, tmp_path) as first:
            seen = until(lambda: results.preview(long.id), "a preview")
            assert seen.startswith(PNG)
            os.kill(first.pid, signal.SIGKILL)
            first.wait()
        assert jobs.get(long.id).state is State.RUNNING  # nobody has noticed yet
        with worker(house, tmp_path):
            until(lambda: jobs.get(long.id).attempts == 2, "the second attempt")
            until(lambda: jobs.get(long.id).progress.done >= 1, "its first step")
            [short] = jobs.submit([picture(steps=2, seed=8)])
            with claimed(claim_path(tmp_path)):
                place = _standing_still(jobs, long.id)
                assert jobs.get(long.id).state is State.RUNNING
                assert 1 <= place < 200
                jobs.cancel(long.id)  # nobody waits for 200 steps in a test
                until(lambda: jobs.get(long.id).state is State.CANCELLED, "its end")
                assert jobs.get(short.id).state is State.QUEUED
            until(lambda: jobs.get(short.id).state is State.DONE, "the other one")
        done = jobs.get(short.id)
        assert results.path(done.id, done.outputs[0].name).read_bytes().startswith(PNG)
        assert done.usage is not None
        [past] = jobs.history("tiny", Kind.IMAGE)
        assert past.memory == done.usage.memory > 0
        assert list((results.previews._root).iterdir()) == []


def _standing_still(jobs: Jobs, id: JobId) -> int:
    """The step at which a job stands; a worker says every second where it is."""
    seen = [-1]

    def same() -> bool:
        threading.Event().wait(1.5)
        seen.append(jobs.get(id).progress.done)
        return seen[-1] == seen[-2]

    until(same, "it stands still")
    return seen[-1]
