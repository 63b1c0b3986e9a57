"""One job, from its specification to its outputs, and every way in which it can end."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from studio_scripted import MODEL, SPEC, Clock, Desk, Scripted, desk
from tenku.base.errors import JobError
from tenku.studio.model import Job, JobSpec, Kind, Output, State
from tenku.studio.runner import Runner


def run_one(desk: Desk, spec: JobSpec = SPEC, *, stopping: threading.Event | None = None) -> Job:
    [job] = desk.jobs.submit([spec])
    assert runner(desk, stopping).run_next()
    return desk.jobs.get(job.id)


def runner(desk: Desk, stopping: threading.Event | None = None) -> Runner:
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


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (replace(SPEC, model="unknown"), "There is no model unknown here."),
        (replace(SPEC, kind=Kind.IMAGE), "Jobs of the kind image cannot be done yet. Text can."),
        (replace(SPEC, kind=Kind.VIDEO), "Jobs of the kind video cannot be done yet. Text can."),
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


def meanwhile(desk: Desk, stopping: threading.Event, act: Callable[[Job], object]) -> Job:
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
