"""Workers of one user on one device: models that do not fit together are not loaded together, and nobody starves."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from studio_assets import install_folder
from studio_house import House
from studio_scripted import MODEL, SPEC, Scene, Scripted, desk
from studio_serve import until
from studio_tiny import Tiny, image_model, tiny_image
from tenku.accel.devices import Device, processor
from tenku.accel.leases import Leases
from tenku.base.errors import TakenError
from tenku.control.jobs.queue import Jobs
from tenku.studio.chats import Chats
from tenku.studio.memory import Memory
from tenku.studio.model import InstalledModel, Job, JobSpec, Kind, State
from tenku.studio.pool import Pool
from tenku.studio.ports import Engine
from tenku.studio.results import Results
from tenku.studio.runner import Runner
from tenku.studio.settings import StudioSettings
from tenku.studio.share import Alone, LeasedShare, memory_and_share
from tenku.studio.supervisor import studio_arguments
from tenku.studio.worker import Worker

__all__ = ["tiny_image"]

CHIP = Device("sim", 0, "a simulated chip", memory=1000, free=1000)
NAME = "sim:0"


def model(name: str) -> InstalledModel:
    return replace(MODEL, name=name)


def need(model: InstalledModel) -> dict[str, int]:
    """Its name says how much of the chip it takes: `a600`."""
    return {NAME: int(model.name[1:])}


def pool_on(folder: Path, load: Callable[[InstalledModel], Engine], *, chip: Device = CHIP) -> Pool:
    share = LeasedShare(Leases(folder), device=lambda _: chip, most=lambda _: chip.memory)
    return Pool(load, budget=lambda _: 1000, clock=iter(range(10**6)).__next__, need=need, share=share)


def scripted(_: InstalledModel) -> Engine:
    return Scripted()


def loaded(pool: Pool) -> list[str]:
    return sorted(each.name for each in pool.warm())


def held(folder: Path) -> list[int]:
    return sorted(each.bytes for each in Leases(folder).holders())


def test_a_model_holds_memory_as_long_as_it_is_loaded(tmp_path: Path) -> None:
    pool = pool_on(tmp_path, scripted)
    with pool.use(model("a600")):
        [lease] = Leases(tmp_path).holders()
        assert (lease.who, lease.device, lease.bytes) == ("studio worker, model a600", NAME, 600)
    assert held(tmp_path) == [600], "it stays warm"
    with pool.use(model("b500")):
        assert held(tmp_path) == [500]
    pool.close()
    assert held(tmp_path) == []


def test_a_load_that_fails_holds_nothing(tmp_path: Path) -> None:
    def fail(_: InstalledModel) -> Engine:
        raise RuntimeError("broken weights")

    with pytest.raises(RuntimeError, match="broken weights"), pool_on(tmp_path, fail).use(model("a600")):
        pass
    assert held(tmp_path) == []


def test_idle_models_of_ours_leave_before_anybody_waits(tmp_path: Path) -> None:
    """Another worker has 300; ours are 200 and 300, and only what has to goes: the one that was used first."""
    other, ours = pool_on(tmp_path, scripted), pool_on(tmp_path, scripted)
    with other.use(model("x300")):
        for name in ("a200", "b300"):
            with ours.use(model(name)):
                pass
        with ours.use(model("c400")):
            assert loaded(ours) == ["b300", "c400"]


def test_who_finds_no_room_says_who_has_it_and_waits_its_turn(tmp_path: Path) -> None:
    first, second = pool_on(tmp_path, scripted), pool_on(tmp_path, scripted)
    with first.use(model("a600")):
        with pytest.raises(TakenError, match=r"studio worker, model a600 \(process \d+\)"), second.use(model("b600")):
            pass
        first.make_way()
        assert loaded(first) == ["a600"], "it is at work"
        assert second.waits()
    assert second.waits(), "idle, but in memory"
    first.make_way()
    assert loaded(first) == []
    assert not second.waits()
    # The first one has its next job at once, and still goes behind who waited.
    with pytest.raises(TakenError, match="model b600"), first.use(model("a600")):
        pass
    with second.use(model("b600")):
        assert held(tmp_path) == [600]


def test_only_models_that_are_in_the_way_leave_for_others(tmp_path: Path) -> None:
    first = pool_on(tmp_path, scripted)
    for name in ("a300", "b300"):
        with first.use(model(name)):
            pass
    first.make_way()
    assert loaded(first) == ["a300", "b300"], "nobody waits"
    second = pool_on(tmp_path, scripted)
    with pytest.raises(TakenError), second.use(model("c500")):
        pass
    for _ in range(3):
        first.make_way()
    assert loaded(first) == ["b300"], "there is room now"


def test_a_wish_of_ours_does_not_wait_for_our_own_idle_models(tmp_path: Path) -> None:
    """What a chat held when a job wanted room is idle a moment later."""
    pool, chip = pool_on(tmp_path, scripted), replace(CHIP, free=700)
    small = LeasedShare(Leases(tmp_path), device=lambda _: chip, most=lambda _: 1000)
    pool._share = small
    failed: list[TakenError] = []

    def job() -> None:
        try:
            with pool.use(model("b600")):
                pass
        except TakenError as error:
            failed.append(error)

    with pool.use(model("a300")):  # a chat, in this thread; 400 are left, as other programs have the rest
        chip = replace(CHIP, free=400)
        thread = threading.Thread(target=job)
        thread.start()
        thread.join(10)
        assert len(failed) == 1
        assert pool.waits()
    assert not pool.waits()
    assert loaded(pool) == []


def test_a_second_model_of_a_job_goes_over_the_bound_rather_than_lose_the_job(tmp_path: Path) -> None:
    other, ours = pool_on(tmp_path, scripted), pool_on(tmp_path, scripted)
    with other.use(model("x500")), ours.use(model("v400")), ours.use(model("s200")):
        assert held(tmp_path) == [200, 400, 500]


def test_what_other_programs_have_is_for_the_engine_to_judge(tmp_path: Path) -> None:
    """They hold no lease and never tell; whether parts can take turns in the rest, knows who loads them."""
    pool = pool_on(tmp_path, scripted, chip=replace(CHIP, free=250))
    with pool.use(model("a600")):
        assert held(tmp_path) == [250]


def test_all_devices_are_had_or_none(tmp_path: Path) -> None:
    other = replace(CHIP, index=1)
    share = LeasedShare(
        Leases(tmp_path), device=lambda name: CHIP if name == NAME else other, most=lambda _: CHIP.memory
    )
    held_too = Leases(tmp_path).take(other, 600, who="somebody")
    with pytest.raises(TakenError, match="sim:1 has no room"):
        share.take("a", {NAME: 600, "sim:1": 600})
    assert held(tmp_path) == [600], "the first device was given back"
    share.wish("a", {NAME: 600, "sim:1": 600})
    [one, two] = [each.since for each in Leases(tmp_path).waiting()]
    assert (share.waits(), sorted(share.wanted({NAME}))) == (True, [])
    share.wish("a", {NAME: 600, "sim:1": 700})  # it became larger, and keeps its place
    assert [each.since for each in Leases(tmp_path).waiting()] == [one, two]
    held_too.close()
    assert not share.waits()
    holding = share.take("a", {NAME: 600, "sim:1": 700})
    assert held(tmp_path) == [600, 700]
    assert Leases(tmp_path).waiting() == []
    holding.close()
    assert held(tmp_path) == []


def _given(engine: Scripted, _: InstalledModel) -> Engine:
    return engine


@dataclass
class Two:
    """Two workers with a queue each, as two commands of one user are, on one chip."""

    one: Scene
    other: Scene
    workers: list[Worker]


@contextmanager
def two(folder: Path, engines: tuple[Scripted, Scripted]) -> Iterator[Two]:
    """The first has the model a600, the second b600."""
    scenes, workers = [], []
    for name, engine in zip(("a600", "b600"), engines, strict=True):
        (folder / name).mkdir()
        scene = desk(folder / name, engine, model=model(name))
        scene.parts = replace(scene.parts, pool=pool_on(folder, partial(_given, engine)))
        stopping, wake = threading.Event(), threading.Event()
        runner = Runner(scene.parts, worker=name, lease_s=60, stopping=stopping)
        chats = Chats(scene.parts.pool, find=scene.parts.find, wake=wake.set, path=folder / name / "s")
        workers.append(Worker(runner, chats, scene.parts.pool, stopping=stopping, wake=wake))
        scenes.append(scene)
        scene.jobs.open()
    for each in workers:
        each.start()
    try:
        yield Two(scenes[0], scenes[1], workers)
    finally:
        for each in workers:
            each.close(grace_s=20)
        for scene in scenes:
            scene.jobs.close()


def ended(scene: Scene, job: Job) -> Job:
    """The job, once it is done."""
    until(lambda: scene.jobs.get(job.id).state is State.DONE, "the job is done")
    return scene.jobs.get(job.id)


def test_the_job_of_a_second_worker_waits_without_losing_an_attempt_and_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    busy, other = Scripted(endless=True), Scripted()
    with two(tmp_path, (busy, other)) as it:
        it.one.jobs.submit([replace(SPEC, model="a600")])
        assert busy.begun.wait(10)
        [job] = it.other.jobs.submit([replace(SPEC, model="b600")])
        until(lambda: Leases(tmp_path).waiting(), "the second worker waits")
        until(lambda: it.other.jobs.get(job.id).state is State.QUEUED, "its job is back in the queue")
        assert it.other.jobs.get(job.id).attempts == 0
        assert other.runs == 0
        busy.endless = False
        assert ended(it.other, job).attempts == 1
        assert busy.closed, "the first one's idle model left"
        assert held(tmp_path) == [600]
        assert Leases(tmp_path).waiting() == []
    said = capfd.readouterr().err
    assert said.count(f"worker: The job {job.id} waits. sim:0 has no room") == 1
    assert "studio worker, model a600" in said


def test_workers_that_both_have_much_to_do_take_turns(tmp_path: Path) -> None:
    with two(tmp_path, (Scripted(), Scripted())) as it:
        rows = range(6)
        ones = it.one.jobs.submit([replace(SPEC, model="a600", seed=row) for row in rows])
        others = it.other.jobs.submit([replace(SPEC, model="b600", seed=row) for row in rows])
        for scene, jobs in ((it.one, ones), (it.other, others)):
            for job in jobs:
                assert ended(scene, job).attempts == 1


HOLDER = """
import sys, time
from pathlib import Path
from tenku.accel.devices import Device
from tenku.accel.leases import Leases
chip = Device("sim", 0, "a simulated chip", memory=1000, free=1000)
held = Leases(Path(sys.argv[1])).take(chip, 600, who="studio worker, model x600")
print("here", flush=True)
time.sleep(1000)
"""


def test_a_job_goes_on_when_the_worker_that_held_the_device_was_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline()
            with two(tmp_path, (Scripted(), Scripted())) as it:
                [job] = it.one.jobs.submit([replace(SPEC, model="a600")])
                until(lambda: Leases(tmp_path).waiting(), "it waits")
                until(lambda: it.one.jobs.get(job.id).state is State.QUEUED, "it is back in the queue")
                os.kill(holder.pid, signal.SIGKILL)
                until(lambda: it.one.jobs.get(job.id).state is State.DONE, "it is done")
        finally:
            holder.kill()


def test_a_model_is_placed_where_most_room_is_and_its_engine_is_told(tmp_path: Path) -> None:
    chips = [Device("sim", index, "a chip", memory=10**12, free=10**12) for index in range(2)]
    leases = Leases(tmp_path)
    memory = Memory(0, devices=lambda: [*chips, processor()], room=leases.room)
    picture = replace(model("p"), engine="qwenimage", size=10**9)
    assert memory.placed(picture) == ""
    assert list(memory.need(picture)) == ["sim:0"]
    with leases.take(chips[0], 10**11, who="another"):
        assert list(memory.need(picture)) == ["sim:1"]
        assert memory.placed(picture) == "sim:1"
    assert (memory.now("sim:1"), memory.together("sim:1")) == (chips[1], 10**12)
    assert memory.together("cpu") == memory.budget("cpu")


def test_a_worker_is_told_where_programs_say_what_they_hold(tmp_path: Path) -> None:
    arguments = studio_arguments(StudioSettings(), environment={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert arguments[arguments.index("--leases") + 1] == str(tmp_path / "tenku")
    assert isinstance(memory_and_share(0, None)[1], Alone)


@contextmanager
def worker(house: House, base: Path, name: str, memory: int) -> "Iterator[subprocess.Popen[bytes]]":
    """A real worker's process, with a queue of its own."""
    command = [sys.executable, "-m", "tenku.control.worker", "--name", name, "--socket", str(base / f"{name}-s")]
    command += ["--folder", str(house.models.folder.parent), "--threads", "1", "--leases", str(base)]
    command += ["--memory", str(memory), "--database", f"sqlite:///{base / name}.db"]
    process = subprocess.Popen(command, env=house.environment, stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


def test_real_workers_do_not_load_together_what_does_not_fit_together(tmp_path: Path, tiny_image: Tiny) -> None:
    """Main memory is the device; models of both may take 1.5 times what one needs. The first one is killed."""
    house = House(tmp_path)
    tiny = replace(image_model(tiny_image("qwenimage")), name="tiny")
    install_folder(house, tiny, tiny_image("qwenimage"))
    limit = int(1.5 * Memory(0).weights(house.models.find("tiny")))
    spec = JobSpec(kind=Kind.IMAGE, model="tiny", prompt="a potion", parameters={"steps": 200, "width": 256})
    with (
        Jobs(f"sqlite:///{tmp_path / 'a'}.db") as first,
        Jobs(f"sqlite:///{tmp_path / 'b'}.db") as second,
        worker(house, tmp_path, "a", limit) as one,
        worker(house, tmp_path, "b", limit),
    ):
        [long] = first.submit([spec])
        until(lambda: first.get(long.id).progress.done, "the first worker's first step")
        [lease] = Leases(tmp_path).holders()
        assert (lease.pid, lease.who, lease.device) == (one.pid, "studio worker, model tiny", "cpu")
        [short] = second.submit([replace(spec, seed=5, parameters={"steps": 1, "width": 64, "height": 64})])
        until(lambda: Leases(tmp_path).waiting(), "the second worker waits")
        until(lambda: second.get(short.id).state is State.QUEUED, "its job is back in the queue")
        assert second.get(short.id).attempts == 0
        one.kill()
        one.wait()
        until(lambda: second.get(short.id).state is State.DONE, "the second worker's picture")
        assert second.get(short.id).attempts == 1
        assert [each.pid for each in Leases(tmp_path).holders()] != [one.pid]
    results = Results(house.models.folder.parent / "results")
    assert results.path(short.id, second.get(short.id).outputs[0].name).is_file()
