"""`tenku jobs`: the real command on a real database, with no worker about."""

from pathlib import Path

from studio_house import House
from tenku.studio.model import JobSpec, Kind, Progress, State

SPEC = JobSpec(kind=Kind.TEXT, model="m", prompt="a fire\nsword " + "x" * 60, parameters={"top_p": 0.5}, batch="b1")


def test_a_table_shows_what_is_queued_and_at_work_and_with_all_what_ended(tmp_path: Path) -> None:
    house = House(tmp_path)
    assert house.run("jobs").stdout == "No job is queued or at work; --all lists those that ended.\n"
    with house.jobs() as jobs:
        first, second, third = jobs.submit([SPEC, SPEC, SPEC])
        jobs.cancel(third.id)
        running = jobs.claim("w", lease_s=60)
        assert running is not None
        jobs.beat(running.id, "w", Progress(12, 512, "tokens"), lease_s=60)
    lines = house.run("jobs").stdout.splitlines()
    assert lines[0].split() == ["ID", "STATE", "MODEL", "AGE", "DONE", "PROMPT"]
    assert {line.split()[0] for line in lines[1:]} == {first.id, second.id}
    [row] = [line for line in lines if running.id in line]
    assert "running" in row
    assert "12 of 512 tokens" in row
    assert row.endswith("a fire sword " + "x" * 26 + "…")
    assert third.id in house.run("jobs", "--all").stdout
    assert [job["state"] for job in house.json("jobs", "--all", "--limit", "1")["jobs"]] == ["cancelled"]


def test_a_job_is_shown_with_all_that_is_known(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house.jobs() as jobs:
        [job] = jobs.submit([SPEC])
    shown = house.run("jobs", "show", job.id).stdout
    for part in (f"{job.id}  queued", "a fire sword", "top_p", "0.5", "b1, row 0"):
        assert part in shown
    told = house.json("jobs", "show", job.id)
    assert (told["id"], told["parameters"], told["state"]) == (job.id, {"top_p": 0.5}, "queued")


def test_a_job_and_a_whole_batch_are_cancelled(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house.jobs() as jobs:
        first, second, _ = jobs.submit([SPEC, SPEC, SPEC])
        assert house.run("jobs", "cancel", first.id).stdout == f"{first.id}  cancelled\n"
        assert jobs.get(second.id).state is State.QUEUED
        running = jobs.claim("w", lease_s=60)
        assert running is not None
        assert {job["state"] for job in house.json("jobs", "cancel", "b1")["jobs"]} == {"running", "cancelled"}
        assert not jobs.beat(running.id, "w", Progress(1, 2), lease_s=60)


def test_a_job_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.refused("jobs", "show", "nothere", part="There is no job nothere.", code=1)
    house.refused("jobs", "cancel", "nothere", part="There is no job nothere.", code=1)
    house.refused("jobs", "--limit", "many", part="--limit: 'many' cannot be used", code=2)
