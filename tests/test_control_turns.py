"""Whose turn it is: fair between teams, by priority and then in order within one."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tenku.control.jobs.fate import MAX_ATTEMPTS, after_deadline, after_finish, after_lease, pause
from tenku.control.jobs.turns import (
    HALF_LIFE_S,
    LEAST_CHARGE_S,
    Share,
    Waiting,
    charged,
    choose,
    decayed,
    job_order,
    team_order,
)
from tenku.studio.model import State
from tenku.studio.ports import Finished

NOW = 1_000_000.0
TEAMS = st.sampled_from(["art", "sound", "story", "world"])
SHARES = st.builds(
    Share,
    team=TEAMS,
    used=st.floats(0, 1e6),
    at=st.floats(NOW - 10 * HALF_LIFE_S, NOW),
    running=st.integers(0, 9),
    running_s=st.floats(0, 1e4),
)
WAITING = st.lists(
    st.builds(Waiting, number=st.integers(0, 10**6), team=TEAMS, priority=st.integers(-2, 2)),
    min_size=1,
    unique_by=lambda job: job.number,
)


@given(WAITING, st.lists(SHARES, unique_by=lambda share: share.team))
def test_the_choice_does_not_depend_on_the_order_of_what_is_given(waiting: list[Waiting], shares: list[Share]) -> None:
    """A claim order is total: of the same jobs every worker sees the same one first."""
    chosen = choose(waiting, shares, now=NOW)
    assert chosen == choose(waiting[::-1], shares[::-1], now=NOW)
    order = []
    left = list(waiting)
    while (job := choose(left, shares, now=NOW)) is not None:
        order.append(job)
        left.remove(job)
    assert order[0] == chosen
    assert sorted(order, key=lambda job: job.number) == sorted(waiting, key=lambda job: job.number)


@given(WAITING, st.lists(SHARES, unique_by=lambda share: share.team))
def test_priorities_are_respected_within_a_team(waiting: list[Waiting], shares: list[Share]) -> None:
    chosen = choose(waiting, shares, now=NOW)
    assert chosen is not None
    for other in waiting:
        if other.team == chosen.team and other != chosen:
            assert (other.priority, -other.number) < (chosen.priority, -chosen.number)


@given(
    st.dictionaries(TEAMS, st.lists(st.floats(0, 60), min_size=1, max_size=5), min_size=2),
    st.integers(0, 3),
    st.floats(0.1, HALF_LIFE_S),
)
def test_no_team_starves(durations: dict[str, list[float]], favoured: int, step: float) -> None:
    """Endless jobs of any length, also of none, and of any priority: no team falls behind by more than one job."""
    shares = {team: Share(team=team) for team in durations}
    taken: Counter[str] = Counter()
    now = NOW
    longest = max(LEAST_CHARGE_S, *(max(each) for each in durations.values()))
    for number in range(200):
        priority = {team: favoured if place == 0 else 0 for place, team in enumerate(durations)}
        waiting = [Waiting(number=number, team=team, priority=priority[team]) for team in durations]
        job = choose(waiting, shares.values(), now=now)
        assert job is not None
        seconds = durations[job.team][taken[job.team] % len(durations[job.team])]
        now += step
        shares[job.team] = charged(shares[job.team], seconds, now=now)
        taken[job.team] += 1
        weights = [decayed(share.used, at=share.at, now=now) for share in shares.values()]
        assert max(weights) - min(weights) <= longest + 1e-6
    if longest < 1:
        assert min(taken.values()) > 0


def test_who_used_nothing_lately_goes_first() -> None:
    rich = Share(team="a", used=100.0, at=NOW)
    old = Share(team="b", used=1000.0, at=NOW - 10 * HALF_LIFE_S)
    assert team_order([rich, old], now=NOW) == ["b", "a"]
    assert decayed(100.0, at=NOW, now=NOW + HALF_LIFE_S) == 50.0


def test_running_jobs_count() -> None:
    """Several workers that claim at the same moment do not all serve the same team."""
    assert team_order([Share(team="a", running=1), Share(team="b")], now=NOW) == ["b", "a"]
    assert team_order([Share(team="a", running_s=5), Share(team="b", used=4, at=NOW)], now=NOW) == ["b", "a"]


def test_a_clock_that_was_set_back_changes_no_share() -> None:
    assert decayed(100.0, at=NOW, now=NOW - 1e6) == 100.0
    assert charged(Share(team="a", used=100.0, at=NOW), 5.0, now=NOW - 1e6) == Share(team="a", used=105.0, at=NOW)


def test_nothing_waits() -> None:
    assert choose([], [Share(team="a")], now=NOW) is None
    assert job_order([]) == []


def test_errors_that_can_pass_are_tried_again_after_growing_pauses() -> None:
    made = Finished(error="The server was away.", again=True)
    first = after_finish(made, attempts=1, cancel=False, now=NOW)
    second = after_finish(made, attempts=2, cancel=False, now=NOW)
    assert first.state is second.state is State.QUEUED
    assert NOW < first.not_before < second.not_before
    assert pause(2) > pause(1)
    last = after_finish(made, attempts=MAX_ATTEMPTS, cancel=False, now=NOW)
    assert last.state is State.FAILED
    assert last.error == "It was tried 3 times; the last time: The server was away."


def test_other_errors_end_a_job_at_once() -> None:
    fate = after_finish(Finished(error="No such model."), attempts=1, cancel=False, now=NOW)
    assert (fate.state, fate.error) == (State.FAILED, "No such model.")


def test_a_cancelled_job_is_not_tried_again() -> None:
    made = Finished(error="The server was away.", again=True)
    assert after_finish(made, attempts=1, cancel=True, now=NOW).state is State.CANCELLED
    assert after_finish(Finished(cancelled=True), attempts=1, cancel=True, now=NOW).state is State.CANCELLED
    assert after_lease(worker="w", attempts=1, cancel=True).state is State.CANCELLED


def test_what_was_done_before_the_cancel_was_seen_is_done() -> None:
    assert after_finish(Finished(), attempts=1, cancel=True, now=NOW).state is State.DONE


def test_a_lost_worker_is_named() -> None:
    assert after_lease(worker="w1", attempts=1, cancel=False).state is State.QUEUED
    fate = after_lease(worker="w1", attempts=MAX_ATTEMPTS, cancel=False)
    assert fate.state is State.FAILED
    assert "w1" in fate.error
    assert "attempt 3 of 3" in fate.error


def test_a_missed_deadline_says_so() -> None:
    assert after_deadline(deadline_s=60, error="").error == "It had not begun within 60 s, its deadline."
    assert after_deadline(deadline_s=60, error="It broke.").error.endswith("an earlier attempt ended so: It broke.")
