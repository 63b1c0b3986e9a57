"""One job, from its specification to its outputs, and every way in which it can end."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from studio_scripted import MODEL, SPEC, Clock, Scene, Scripted, desk
from tenku.base.errors import JobError
from tenku.studio.makers import Makers
from tenku.studio.model import InstalledModel, Job, JobSpec, Kind, Output, State, Usage
from tenku.studio.ports import Desk, Made, Step
from tenku.studio.runner import Runner


def run_one(desk: Scene, spec: JobSpec = SPEC, *, stopping: threading.Event | None = None) -> Job:
    [job] = desk.jobs.submit([spec])
    assert runner(desk, stopping).run_next()
    return desk.jobs.get(job.id)


def runner(desk: Scene, stopping: threading.Event | None = None) -> Runner:
    return Runner(desk.parts, worker="w", lease_s=10, stopping=stopping or threading.Event())


def test_a_job_makes_files_with_provenance(tmp_path: Path) -> None:
    it = desk(tmp_path, Scripted())
    job = run_one(it, replace(SPEC, parameters={"temperature": 0.5}, seed=7))
    assert (job.state, job.error) == (State.DONE, "")
    assert job.usage is not None
    assert job.usage.completion_tokens == 4
    assert it.parts.results.path(job.id, job.outputs[0].name).read_bytes() == b"a sword of fire\n"
    told = it.parts.results.provenance(job.id, job.outputs[0].name)
    assert told["model"] == {"name": "writer", "hash": MODEL.hash, "licence": "Apache-2.0"}
    assert told["engine"] == {"name": "scripted", "version": "1", "device": "cpu", "acceleration": ""}
    assert (told["prompt"], told["seed"], told["parameters"]) == ("a fire sword", 7, {"temperature": 0.5})
    assert told["made_at"] == it.clock.seconds


def test_an_empty_queue_is_no_work(tmp_path: Path) -> None:
    assert not runner(desk(tmp_path, Scripted())).run_next()


def test_the_same_request_again_costs_nothing(tmp_path: Path) -> None:
    it = desk(tmp_path, Scripted())
    one, two = run_one(it), run_one(it, replace(SPEC, team="other"))
    assert it.engine.runs == 1
    assert two.outputs == one.outputs
    run_one(it, replace(SPEC, seed=1))
    assert it.engine.runs == 2


def test_a_known_result_tells_estimates_nothing(tmp_path: Path) -> None:
    """A few milliseconds of looking it up are no time that such a job takes."""
    clock = Ticking()
    it = desk(tmp_path, Scripted(), now=clock)
    for _ in range(3):
        done = run_one(it)
    assert done.usage == Usage(seconds=0.0)
    assert [past.seconds for past in it.jobs.history(SPEC.model, SPEC.kind)] == [1.5]


class Ticking(Clock):
    """A clock that goes on by itself: nothing that is done takes no time."""

    def __call__(self) -> float:
        self.seconds += 0.01
        return self.seconds


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (replace(SPEC, model="unknown"), "There is no model unknown here."),
        (replace(SPEC, kind=Kind.IMAGE), "writer makes text, not image. See `tenku models`."),
        (replace(SPEC, kind=Kind.VIDEO), "writer makes text, not video. See `tenku models`."),
    ],
)
def test_a_job_that_cannot_be_done_says_why(tmp_path: Path, spec: JobSpec, sentence: str) -> None:
    job = run_one(desk(tmp_path, Scripted()), spec)
    assert (job.state, job.error) == (State.FAILED, sentence)


def test_a_licence_that_was_not_accepted_makes_nothing(tmp_path: Path) -> None:
    it = desk(tmp_path, Scripted(), model=replace(MODEL, accepted=False, licence="Community"))
    job = run_one(it)
    assert job.state is State.FAILED
    assert "licence of writer, Community, has not been accepted" in job.error
    assert it.engine.runs == 0


def test_a_model_that_makes_something_else_is_refused(tmp_path: Path) -> None:
    job = run_one(desk(tmp_path, Scripted(), model=replace(MODEL, kind=Kind.IMAGE)))
    assert job.error == "writer makes image, not text. See `tenku models`."


def test_an_error_that_can_pass_is_tried_again_and_another_is_not(tmp_path: Path) -> None:
    it = desk(tmp_path, Scripted(error=JobError("The server is away.", again=True)))
    assert run_one(it).state is State.QUEUED
    other = desk(tmp_path / "other", Scripted(error=JobError("The prompt is too long.")))
    job = run_one(other)
    assert (job.state, job.error) == (State.FAILED, "The prompt is too long.")


def test_a_fault_of_an_engine_is_one_jobs_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    it = desk(tmp_path, Scripted(error=ZeroDivisionError("by zero")))
    job = run_one(it)
    assert (job.state, job.error) == (State.FAILED, "The engine failed with ZeroDivisionError: by zero")
    assert "Traceback" in capsys.readouterr().err
    it.engine.error = None
    assert run_one(it).state is State.DONE


def test_nan_in_an_output_fails_the_job_and_keeps_nothing(tmp_path: Path) -> None:
    bad = Output(name="item.json", media_type="application/json", data=b"[NaN]")
    it = desk(tmp_path, Scripted(outputs=[bad]))
    job = run_one(it)
    assert job.state is State.FAILED
    assert "NaN" in job.error
    assert list((tmp_path / "results").rglob("*.json")) == []


def test_a_disk_that_takes_nothing_fails_the_job(tmp_path: Path) -> None:
    it = desk(tmp_path, Scripted())
    (tmp_path / "results").write_text("a file where the folder should be")
    job = run_one(it)
    assert job.state is State.FAILED
    assert "The result cannot be written to" in job.error


def meanwhile(desk: Scene, stopping: threading.Event, act: Callable[[Job], object]) -> Job:
    """Run an endless job, and do something as soon as it has begun."""
    [job] = desk.jobs.submit([SPEC])
    thread = threading.Thread(target=runner(desk, stopping).run_next)
    thread.start()
    assert desk.engine.begun.wait(10)
    act(job)
    thread.join(10)
    assert not thread.is_alive()
    return desk.jobs.get(job.id)


def test_a_cancelled_job_ends_at_its_next_step(tmp_path: Path) -> None:
    it = desk(tmp_path, Scripted(endless=True))
    job = meanwhile(it, threading.Event(), lambda job: it.jobs.cancel(job.id))
    assert job.state is State.CANCELLED
    assert job.progress.done == 1
    assert list((tmp_path).glob("results/*")) == []


def test_a_worker_that_ends_gives_its_job_back_and_no_attempt_is_lost(tmp_path: Path) -> None:
    it = desk(tmp_path, Scripted(endless=True))
    stopping = threading.Event()
    job = meanwhile(it, stopping, lambda _: stopping.set())
    assert (job.state, job.attempts) == (State.QUEUED, 0)
    it.engine.endless = False
    assert runner(it).run_next()
    assert it.jobs.get(job.id).state is State.DONE


def test_who_lost_a_job_ends_and_writes_nothing_about_it(tmp_path: Path) -> None:
    """The machine slept for longer than the lease; somebody else has the job now."""
    it = desk(tmp_path, Scripted(endless=True), now=Clock())

    def lose(job: Job) -> None:
        it.clock.seconds += 100
        claimed = it.jobs.claim("another", lease_s=1000)
        assert claimed is not None
        assert claimed.id == job.id

    job = meanwhile(it, threading.Event(), lose)
    assert (job.state, job.attempts) == (State.RUNNING, 2)


MOVIE = replace(MODEL, name="movie", kind=Kind.VIDEO)
SOUND = replace(MODEL, name="sound", kind=Kind.SOUND, hash="cd" * 32)
WANTED = JobSpec(
    kind=Kind.VIDEO, model="movie", prompt="a dragon", parameters={"sound": "a roar", "sound_model": "sound"}
)


def with_sound(folder: Path, sound: InstalledModel) -> Scene:
    """A video model, and another one that it uses."""
    it = desk(folder, Scripted(), model=MOVIE)
    models = {"movie": MOVIE, "sound": sound}
    it.parts = replace(it.parts, find=models.__getitem__, others=Makers(models.__getitem__).others)
    return it


def test_another_model_that_a_job_uses_is_part_of_its_key_and_provenance(tmp_path: Path) -> None:
    folder = tmp_path / "jobs"
    folder.mkdir()
    sound = replace(SOUND, engine="llama")
    it = with_sound(folder, sound)
    job = run_one(it, WANTED)
    assert job.state is State.DONE, job.error
    told = it.parts.results.provenance(job.id, job.outputs[0].name)
    assert told["others"] == {"sound_model": {"name": "sound", "hash": sound.hash, "licence": "Apache-2.0"}}
    run_one(it, WANTED)
    assert it.engine.runs == 1
    other = with_sound(folder, replace(sound, hash="ef" * 32))
    run_one(other, WANTED)
    assert other.engine.runs == 1  # made anew: the sound comes from other weights


def test_another_models_licence_counts_as_well(tmp_path: Path) -> None:
    it = with_sound(tmp_path, replace(SOUND, engine="llama", accepted=False, licence="Community"))
    job = run_one(it, WANTED)
    assert "The licence of sound, Community, has not been accepted" in job.error


def test_a_lora_is_part_of_the_key_by_its_bytes(tmp_path: Path) -> None:
    model = replace(MOVIE, path=str(tmp_path / "movie" / "weights"), engine="llama")
    makers = Makers({"movie": model}.__getitem__)
    spec = replace(WANTED, parameters={"lora": "fast.safetensors"})
    file = tmp_path / "movie" / "loras" / "fast.safetensors"
    with pytest.raises(JobError, match=r"movie has no LoRA fast.safetensors"):
        makers.key(spec, model)
    with pytest.raises(JobError, match="has to be the name of a safetensors file"):
        makers.key(replace(spec, parameters={"lora": "../weights"}), model)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"one")
    first = makers.key(spec, model)
    assert makers.key(spec, model) == first
    file.write_bytes(b"other")
    assert makers.key(spec, model) != first


@dataclass
class Thirsty(Scripted):
    """Runs out of memory `times` times, in the words of `error`."""

    times: int = 1

    def run(self, spec: JobSpec, *, desk: Desk, report: Callable[[Step], None], stop: Callable[[], bool]) -> Made:
        if self.runs < self.times:
            self.runs += 1
            assert self.error is not None
            raise self.error
        self.error = None
        return super().run(spec, desk=desk, report=report, stop=stop)


def short(message: str) -> JobError:
    error = JobError(message, hint="Make it smaller.")
    error.short_of_memory = True
    return error


class OutOfMemoryError(RuntimeError):
    """As torch names it."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OutOfMemoryError("HIP says so"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."),
        short("There is not enough memory for this."),
    ],
)
def test_memory_that_runs_out_is_tried_again_without_other_models(tmp_path: Path, error: Exception) -> None:
    engine = Thirsty(error=error)
    it = desk(tmp_path, engine)
    assert run_one(it).state is State.DONE
    assert engine.runs == 2
    assert engine.closed  # it was loaded anew


def test_memory_that_runs_out_again_is_a_clear_refusal(tmp_path: Path) -> None:
    engine = Thirsty(error=short("There is not enough memory for this."), times=9)
    job = run_one(desk(tmp_path, engine))
    assert (job.state, engine.runs) == (State.FAILED, 2)
    assert job.error == "Memory ran out while writer worked, also with no other model loaded. Make it smaller."


def test_another_error_is_no_lack_of_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = Thirsty(error=RuntimeError("shapes do not match"), times=9)
    assert run_one(desk(tmp_path, engine)).state is State.FAILED
    assert engine.runs == 1
    capsys.readouterr()
