"""The database of jobs: the same promises over SQLite and over PostgreSQL."""

import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from control_child import child, said
from control_house import House, cluster, house
from tenku.base.errors import JobError, UnknownJob, UsageError
from tenku.control.jobs.fate import FIRST_PAUSE_S, MAX_ATTEMPTS
from tenku.control.jobs.queue import Jobs
from tenku.control.jobs.teams import Teams
from tenku.control.jobs.turns import Share, Waiting, charged, choose
from tenku.studio.model import (
    Estimate,
    Job,
    JobId,
    JobSpec,
    Kind,
    Progress,
    Spread,
    State,
    StoredOutput,
    Usage,
)
from tenku.studio.ports import Finished, JobQueue

__all__ = ["cluster", "house"]

LEASE = 30.0


@pytest.fixture
def jobs(house: House) -> Jobs:
    return house.jobs()


def spec(prompt: str = "a fire sword", **more: object) -> JobSpec:
    return JobSpec(**{"kind": Kind.TEXT, "model": "smollm2", "prompt": prompt, **more})  # type: ignore[arg-type]


def claimed(jobs: Jobs, worker: str = "w1") -> Job:
    job = jobs.claim(worker, lease_s=LEASE)
    assert job is not None
    return job


def test_it_is_the_port_that_studio_knows(jobs: Jobs) -> None:
    port: JobQueue = jobs
    assert port.claim("w1", lease_s=LEASE) is None


def test_a_job_comes_back_as_it_was_given(house: House) -> None:
    """Also after everything was closed, and whatever characters a prompt holds."""
    given = spec(
        "Schwert 天空 \x00 \ud800 '\"",
        parameters={"schema": {"type": "object", "enum": [1, 2.5, None, True]}, "messages": ["\0"]},
        seed=2**63,
        team="künstler",
        priority=-3,
        deadline_s=60.5,
        batch="b1",
        row=7,
    )
    [job] = house.jobs().submit([given])
    again = house.jobs().get(job.id)
    assert again == job
    assert again.spec == given
    assert (again.state, again.accepted, again.attempts) == (State.QUEUED, house.clock.at, 0)
    assert len(job.id) == 12


def test_all_jobs_are_accepted_or_none(jobs: Jobs) -> None:
    with pytest.raises(JobError, match="not plain JSON"):
        jobs.submit([spec(), spec(parameters={"temperature": float("nan")})])
    assert jobs.list() == []
    assert jobs.submit([]) == []


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"team": ""}, "needs a team"),
        ({"model": "a\0b"}, "printable"),
        ({"team": "x" * 201}, "at most 200"),
        ({"batch": "\ud800"}, "printable"),
        ({"priority": 2**31}, "priority 2147483648"),
        ({"deadline_s": 0}, "deadline"),
        ({"deadline_s": float("nan")}, "deadline"),
        ({"parameters": {"a": {1}}}, "not plain JSON"),
    ],
)
def test_what_cannot_be_written_down_is_refused(jobs: Jobs, wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(JobError, match=sentence):
        jobs.submit([spec(**wrong)])


def test_lists_are_the_newest_first_and_filtered(jobs: Jobs) -> None:
    a, b, c = jobs.submit([spec("a", batch="x"), spec("b", team="art"), spec("c", batch="x")])
    assert [job.id for job in jobs.list()] == [c.id, b.id, a.id]
    assert [job.id for job in jobs.list(limit=1)] == [c.id]
    assert [job.id for job in jobs.list(batch="x")] == [c.id, a.id]
    assert [job.id for job in jobs.list(team="art")] == [b.id]
    jobs.cancel(c.id)
    assert [job.id for job in jobs.list(unended=True)] == [b.id, a.id]


def test_an_unknown_job_is_said_to_be(jobs: Jobs) -> None:
    for ask in (jobs.get, jobs.cancel):
        with pytest.raises(UnknownJob, match="no job nothere"):
            ask(JobId("nothere"))


def test_a_job_from_its_claim_to_its_end(house: House, jobs: Jobs) -> None:
    [job] = jobs.submit([spec()])
    house.clock.at += 5
    running = claimed(jobs)
    assert (running.id, running.state, running.attempts) == (job.id, State.RUNNING, 1)
    assert running.started == house.clock.at
    assert jobs.claim("w2", lease_s=LEASE) is None
    assert jobs.beat(job.id, "w1", Progress(3, 9, "tokens"), lease_s=LEASE)
    assert jobs.get(job.id).progress == Progress(3, 9, "tokens")
    output = StoredOutput(name="a.json", media_type="application/json", size=3, sha256="00")
    usage = Usage(seconds=2.5, prompt_tokens=4, completion_tokens=9)
    house.clock.at += 3
    assert jobs.finish(job.id, "w1", Finished(outputs=[output], usage=usage))
    done = jobs.get(job.id)
    assert (done.state, done.ended, done.outputs, done.usage) == (State.DONE, house.clock.at, (output,), usage)
    assert jobs.used("studio") == 2.5
    assert not jobs.finish(job.id, "w1", Finished(error="twice"))
    assert not jobs.beat(job.id, "w1", Progress(9, 9), lease_s=LEASE)
    assert jobs.get(job.id) == done


def test_a_queued_job_that_is_cancelled_never_begins(jobs: Jobs) -> None:
    [job] = jobs.submit([spec()])
    assert jobs.cancel(job.id).state is State.CANCELLED
    assert jobs.claim("w1", lease_s=LEASE) is None
    assert jobs.cancel(job.id).state is State.CANCELLED


def test_a_running_job_is_told_of_its_cancel(jobs: Jobs) -> None:
    jobs.submit([spec()])
    job = claimed(jobs)
    told = jobs.cancel(job.id)
    assert (told.state, told.cancel) == (State.RUNNING, True)
    assert not jobs.beat(job.id, "w1", Progress(1, 2), lease_s=LEASE)
    assert jobs.finish(job.id, "w1", Finished(cancelled=True))
    assert jobs.get(job.id).state is State.CANCELLED
    assert jobs.cancel(job.id).state is State.CANCELLED


def test_a_job_comes_back_when_its_lease_ran_out(house: House, jobs: Jobs) -> None:
    jobs.submit([spec()])
    job = claimed(jobs)
    house.clock.at += LEASE - 1
    assert jobs.beat(job.id, "w1", Progress(1, 2), lease_s=LEASE)
    house.clock.at += LEASE - 1
    assert jobs.claim("w2", lease_s=LEASE) is None
    house.clock.at += 2
    again = claimed(jobs, "w2")
    assert (again.id, again.attempts) == (job.id, 2)
    assert not jobs.beat(job.id, "w1", Progress(2, 2), lease_s=LEASE)
    assert not jobs.finish(job.id, "w1", Finished())
    assert jobs.get(job.id).state is State.RUNNING
    assert jobs.used("studio") == LEASE - 1  # until it was heard of last
    assert jobs.finish(job.id, "w2", Finished())
    assert jobs.get(job.id).error == ""


def test_a_job_that_kills_its_workers_fails_at_last(house: House, jobs: Jobs) -> None:
    [job] = jobs.submit([spec()])
    for attempt in range(MAX_ATTEMPTS):
        assert claimed(jobs, f"w{attempt}").attempts == attempt + 1
        house.clock.at += LEASE + 1
    assert jobs.claim("w9", lease_s=LEASE) is None
    failed = jobs.get(job.id)
    assert failed.state is State.FAILED
    assert "worker w2 ended" in failed.error
    assert "attempt 3 of 3" in failed.error


def test_a_cancelled_job_of_a_dead_worker_is_cancelled(house: House, jobs: Jobs) -> None:
    jobs.submit([spec()])
    job = claimed(jobs)
    jobs.cancel(job.id)
    house.clock.at += LEASE + 1
    jobs.recover()
    assert jobs.get(job.id).state is State.CANCELLED


def test_an_error_that_can_pass_is_tried_again_after_a_pause(house: House, jobs: Jobs) -> None:
    jobs.submit([spec()])
    job = claimed(jobs)
    assert jobs.finish(job.id, "w1", Finished(error="The server\0 was away.", again=True))
    assert jobs.get(job.id).error == "The server was away."
    assert jobs.claim("w1", lease_s=LEASE) is None
    house.clock.at += FIRST_PAUSE_S
    assert claimed(jobs).attempts == 2


def test_any_other_error_ends_it(jobs: Jobs) -> None:
    jobs.submit([spec()])
    job = claimed(jobs)
    assert jobs.finish(job.id, "w1", Finished(error="No."))
    assert (jobs.get(job.id).state, jobs.get(job.id).error) == (State.FAILED, "No.")
    assert jobs.claim("w1", lease_s=LEASE) is None


def test_a_job_that_is_given_back_has_lost_no_attempt(house: House, jobs: Jobs) -> None:
    jobs.submit([spec()])
    job = claimed(jobs)
    house.clock.at += 3
    assert jobs.give_back(job.id, "w1", seconds=2.5)
    assert not jobs.give_back(job.id, "w1", seconds=2.5)
    assert claimed(jobs, "w2").attempts == 1
    assert jobs.used("studio") == 2.5


def test_a_deadline_that_passed_fails_a_job_that_waits(house: House, jobs: Jobs) -> None:
    late, other = jobs.submit([spec(deadline_s=10), spec(deadline_s=20)])
    house.clock.at += 11
    assert claimed(jobs).id == other.id
    assert jobs.get(late.id).state is State.FAILED
    assert jobs.get(late.id).error == "It had not begun within 10 s, its deadline."
    house.clock.at += 15
    assert jobs.beat(other.id, "w1", Progress(0, 0), lease_s=LEASE)
    jobs.recover()
    assert jobs.get(other.id).state is State.RUNNING


def test_the_higher_priority_first_then_who_came_first(jobs: Jobs) -> None:
    jobs.submit([spec("c"), spec("a", priority=5), spec("d"), spec("b", priority=5), spec("e", priority=-1)])
    assert "".join(claimed(jobs).spec.prompt for _ in range(5)) == "abcde"


def test_teams_share_the_machine_by_time_not_by_jobs(house: House, jobs: Jobs) -> None:
    """One has a thousand long jobs, of high priority, before the other comes with short ones."""
    jobs.submit([spec(team="art", priority=9) for _ in range(40)] + [spec(team="story") for _ in range(40)])
    begun = {"art": 0, "story": 0}
    for _ in range(40):
        job = claimed(jobs)
        seconds = 30.0 if job.spec.team == "art" else 10.0
        house.clock.at += seconds
        jobs.beat(job.id, "w1", Progress(0, 0), lease_s=LEASE)
        assert jobs.finish(job.id, "w1", Finished(usage=Usage(seconds=seconds)))
        begun[job.spec.team] += 1
    assert begun == {"art": 10, "story": 30}


def test_workers_that_claim_at_once_serve_different_teams(jobs: Jobs) -> None:
    jobs.submit([spec(team="art")] * 4 + [spec(team="story")] * 4)
    assert {claimed(jobs, f"w{place}").spec.team for place in range(2)} == {"art", "story"}


def test_a_team_without_budget_is_refused(house: House) -> None:
    jobs = house.jobs(budget_s=10)
    jobs.submit([spec()])
    job = claimed(jobs)
    jobs.finish(job.id, "w1", Finished(usage=Usage(seconds=10)))
    with pytest.raises(JobError, match=r"studio used 10 of its 10 device-seconds in the last 30 days"):
        jobs.submit([spec(team="art"), spec()])
    assert len(jobs.list()) == 1
    jobs.submit([spec(team="art")])
    house.clock.at += 31 * 86_400
    jobs.submit([spec()])


def test_history_holds_what_was_done_on_the_device(jobs: Jobs) -> None:
    jobs.submit([spec(parameters={"max_tokens": tokens}) for tokens in (100, 200, 300, 400)])
    ends = (Usage(seconds=1), Usage(seconds=2), Usage(seconds=0), None)
    for usage in ends[:3]:
        jobs.finish(claimed(jobs).id, "w1", Finished(usage=usage))
    jobs.finish(claimed(jobs).id, "w1", Finished(error="No.", usage=Usage(seconds=9)))
    found = jobs.history("smollm2", Kind.TEXT)
    assert [(round(each.units, -1), each.seconds) for each in found] == [(200, 2), (100, 1)]
    assert len(jobs.history("smollm2", Kind.TEXT, limit=1)) == 1
    assert jobs.history("other", Kind.TEXT) == jobs.history("smollm2", Kind.IMAGE) == []


def test_more_jobs_than_one_transaction_are_recovered(house: House, jobs: Jobs) -> None:
    jobs.submit([spec(deadline_s=1)] * 250)
    house.clock.at += 2
    assert jobs.claim("w1", lease_s=LEASE) is None
    assert jobs.list(unended=True) == []


def test_threads_share_it(jobs: Jobs) -> None:
    """Each job is claimed once, though eight threads claim at the same moment."""
    jobs.submit([spec() for _ in range(40)])
    start = threading.Barrier(8)

    def take(worker: int) -> list[JobId]:
        start.wait()
        return [claimed(jobs, f"w{worker}").id for _ in range(5)]

    with ThreadPoolExecutor(8) as pool:
        taken = [id for ids in pool.map(take, range(8)) for id in ids]
    assert len(set(taken)) == len(taken) == 40


def test_processes_that_open_it_at_once_claim_no_job_twice(house: House) -> None:
    """500 jobs, four processes, each of which may be the one that makes the tables."""
    first = [child(house.url, f"early{place}", "work") for place in range(2)]
    assert [said(process) for process in first] == [[], []]
    house.clock.at = time.time()  # as the other processes have it
    accepted = house.jobs().submit([spec(team=f"t{number % 3}") for number in range(500)])
    workers = [child(house.url, f"w{place}", "work") for place in range(4)]
    taken = [id for process in workers for id in said(process)]
    assert len(taken) == 500
    assert set(taken) == {job.id for job in accepted}
    assert {job.state for job in house.jobs().list(limit=1000)} == {State.DONE}
    assert sum(house.jobs().used(f"t{team}") for team in range(3)) == pytest.approx(250)


def test_the_job_of_a_killed_worker_comes_back(house: House) -> None:
    house.clock.at = time.time()  # as the other process has it
    jobs = house.jobs()
    [job] = jobs.submit([spec()])
    worker = child(house.url, "dead", "hold")
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline().strip() == job.id
    finally:
        ended(worker)
    assert jobs.claim("w2", lease_s=LEASE) is None
    house.clock.at += 120
    again = claimed(jobs, "w2")
    assert (again.id, again.attempts) == (job.id, 2)


def test_killing_who_submits_loses_no_accepted_job(house: House) -> None:
    process = child(house.url, "s", "submit")
    assert process.stdout is not None
    told = [process.stdout.readline().strip() for _ in range(20)]
    told += ended(process).split("\n")[:-1]  # the last line may be half
    have = {job.id for job in house.jobs().list(limit=100_000)}
    assert len(told) >= 20
    assert set(told) <= have


def ended(process: "subprocess.Popen[str]") -> str:
    """Kill it; what it had written by then."""
    process.kill()
    return process.communicate()[0]


def test_claims_follow_the_plain_rule(house: House, jobs: Jobs) -> None:
    """The database's queries choose what `turns.choose` chooses."""
    given = [spec(str(n), team="abc"[n * 7 % 3], priority=n * 5 % 4) for n in range(30)]
    jobs.submit(given)
    waiting = [Waiting(number=n, team=each.team, priority=each.priority) for n, each in enumerate(given)]
    shares = {team: Share(team=team, at=house.clock.at) for team in "abc"}
    for n in range(30):
        job = claimed(jobs)
        expected = choose(waiting, shares.values(), now=house.clock.at)
        assert expected is not None
        assert job.spec.prompt == str(expected.number)
        waiting.remove(expected)
        seconds = float(n * 11 % 7)
        shares[job.spec.team] = charged(shares[job.spec.team], seconds, now=house.clock.at)
        jobs.finish(job.id, "w1", Finished(usage=Usage(seconds=seconds)))


def test_a_late_job_is_seen_as_failed_before_any_worker_comes(house: House, jobs: Jobs) -> None:
    late, other = jobs.submit([spec(deadline_s=10), spec()])
    house.clock.at += 11
    seen = jobs.get(late.id)
    assert (seen.state, seen.error) == (State.FAILED, "It had not begun within 10 s, its deadline.")
    assert seen.ended == late.accepted + 10
    assert [job.state for job in jobs.list()] == [State.QUEUED, State.FAILED]
    assert [job.id for job in jobs.list(unended=True)] == [other.id]
    assert jobs.cancel(late.id).state is State.FAILED
    assert claimed(jobs).id == other.id
    assert jobs.get(late.id) == replace(seen, ended=jobs.get(late.id).ended)


def test_whether_a_job_is_wanted_is_asked_without_a_beat(house: House, jobs: Jobs) -> None:
    jobs.submit([spec(), spec()])
    job, other = claimed(jobs), claimed(jobs)
    assert jobs.wanted(job.id, "w1")
    assert not jobs.wanted(job.id, "w2")
    jobs.cancel(job.id)
    assert not jobs.wanted(job.id, "w1")
    house.clock.at += LEASE + 1
    assert jobs.wanted(other.id, "w1")  # nobody else has it yet, so it may still be saved by a beat
    assert claimed(jobs, "w2").id == other.id
    assert not jobs.wanted(other.id, "w1")


def test_an_accepted_job_keeps_its_estimate(house: House) -> None:
    found = Estimate(seconds=12.5, low=8, high=20, jobs=3, memory=Spread(3e9, 2e9, 4e9), cost=Spread(0.1, 0.05, 0.2))
    jobs = house.jobs()
    jobs._expect = lambda specs: [found if spec.prompt == "known" else None for spec in specs]
    known, unknown = jobs.submit([spec("known"), spec("unknown")])
    assert known.estimate == jobs.get(known.id).estimate == found
    assert jobs.get(unknown.id).estimate is None


def test_a_job_whose_result_is_known_is_done_when_it_is_accepted(house: House) -> None:
    """It waits for nobody, costs nothing, and tells estimates nothing; where its files are gone it is done."""
    jobs = house.jobs(budget_s=10)
    output = StoredOutput(name="a.txt", media_type="text/plain", size=1, sha256="0" * 64)
    given: list[JobId] = []

    def give(id: JobId) -> list[StoredOutput]:
        given.append(id)
        return [output]

    known, gone, new, beyond = jobs.submit([spec()] * 4, known=[give, lambda _: None, None])
    assert given == [known.id]
    assert house.jobs().get(known.id) == known
    assert (known.state, known.outputs, known.usage) == (State.DONE, (output,), Usage(seconds=0.0))
    assert known.started == known.ended == known.accepted == house.clock.at
    assert [each.state for each in (gone, new, beyond)] == [State.QUEUED] * 3
    assert {claimed(jobs).id for _ in range(3)} == {gone.id, new.id, beyond.id}
    assert jobs.claim("w1", lease_s=LEASE) is None
    assert jobs.history("smollm2", Kind.TEXT) == []
    assert jobs.used("studio") == 0
    assert jobs.cancel(known.id) == known


def test_a_known_result_does_not_let_in_who_may_not(house: House) -> None:
    jobs = house.jobs()
    Teams(jobs.database).set_budget("guests", 0)
    with pytest.raises(JobError, match="guests used 0 of its 0"):
        jobs.submit([spec(team="guests")], known=[lambda _: pytest.fail("it was refused")])


def test_measured_memory_is_kept_for_estimates(jobs: Jobs) -> None:
    jobs.submit([spec(kind=Kind.IMAGE, parameters={"width": 64, "height": 32}), spec()])
    jobs.finish(claimed(jobs).id, "w1", Finished(usage=Usage(seconds=1, memory=5_000_000_000)))
    jobs.finish(claimed(jobs).id, "w1", Finished(usage=Usage(seconds=1)))
    [picture] = jobs.history("smollm2", Kind.IMAGE)
    assert (picture.size, picture.memory) == (64 * 32, 5_000_000_000)
    [text] = jobs.history("smollm2", Kind.TEXT)
    assert text.memory == 0


def test_what_a_worker_saw_last_is_written_down_at_the_end(jobs: Jobs) -> None:
    jobs.submit([spec()])
    job = claimed(jobs)
    jobs.beat(job.id, "w1", Progress(3, 9), lease_s=LEASE)
    jobs.finish(job.id, "w1", Finished(progress=Progress(9, 9)))
    assert jobs.get(job.id).progress == Progress(9, 9)


def test_a_team_has_a_budget_of_its_own(house: House) -> None:
    jobs = house.jobs(budget_s=100)
    teams = Teams(jobs.database, usual_s=100, now=house.clock)
    teams.set_budget("art", 10)
    jobs.submit([spec(team="art"), spec(team="story"), spec(team="story")])
    for _ in range(2):
        jobs.finish(claimed(jobs).id, "w1", Finished(usage=Usage(seconds=20)))
    with pytest.raises(JobError, match=r"art used 20 of its 10 device-seconds in the last 30 days") as caught:
        jobs.submit([spec(team="art")])
    assert "tenku teams budget art SECONDS" in caught.value.hint
    jobs.submit([spec(team="story")])
    art, story = teams.list()
    assert (art.name, art.used_s, art.budget_s, art.own, art.queued) == ("art", 20, 10, True, 0)
    assert (story.used_s, story.budget_s, story.own, story.queued, story.running) == (20, 100, False, 2, 0)
    teams.set_budget("art", None)
    jobs.submit([spec(team="art")])
    for wrong in ("", "a\nb", "x" * 101):
        with pytest.raises(UsageError, match="cannot be the name of a team"):
            teams.set_budget(wrong, 1)


def test_a_budget_of_nothing_lets_nothing_in(house: House) -> None:
    jobs = house.jobs()
    Teams(jobs.database).set_budget("guests", 0)
    with pytest.raises(JobError, match="guests used 0 of its 0"):
        jobs.submit([spec(team="guests")])
