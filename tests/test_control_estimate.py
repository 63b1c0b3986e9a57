"""Estimates: from this machine's own history, else a guess from the model's size."""

import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenku.control.jobs.estimate import estimate, first_guess
from tenku.control.jobs.work import USUAL_TOKENS, work_units
from tenku.studio.model import JobSpec, Kind

SIZE = 98_362_432
HISTORY = st.lists(st.tuples(st.floats(1, 1e5), st.floats(0.01, 1e4)), min_size=1, max_size=50)


def seconds(units: float, chance: random.Random, *, rate: float) -> float:
    """A simulated machine: a fixed start, a rate, noise of 12 %, and one job in twelve while it is busy."""
    busy = 4.0 if chance.random() < 1 / 12 else 1.0
    return (0.25 + units / rate) * chance.lognormvariate(0, 0.12) * busy


def units(chance: random.Random) -> float:
    return float(2 ** chance.uniform(5, 10))


@pytest.mark.parametrize("rate", [4.0, 45.0, 113.0, 2000.0, 1e6])
def test_after_ten_jobs_the_median_error_is_under_a_fifth(rate: float) -> None:
    """Over many machines of this rate, each with ten jobs of all sizes in its history."""
    errors, inside, tries = [], 0, 300
    for seed in range(tries):
        chance = random.Random(seed)
        history = [(work, seconds(work, chance, rate=rate)) for work in (units(chance) for _ in range(10))]
        work = units(chance)
        actual = seconds(work, chance, rate=rate)
        found = estimate(work, history, model_size=SIZE)
        errors.append(abs(found.seconds - actual) / actual)
        inside += found.low <= actual <= found.high
    assert median(errors) < 0.2
    assert inside / tries > 0.7  # 0.8 is what the spread claims


@given(HISTORY, st.floats(1, 1e5))
def test_the_spread_holds_the_estimate(history: list[tuple[float, float]], work: float) -> None:
    found = estimate(work, history, model_size=SIZE)
    assert 0 < found.low <= found.seconds <= found.high
    assert 1 <= found.jobs <= len(history)


def test_one_job_on_a_busy_machine_changes_little() -> None:
    history = [(100.0, 1.0)] * 9
    assert estimate(100, [*history, (100.0, 500.0)], model_size=SIZE).seconds == pytest.approx(1.0)


def test_what_every_job_takes_is_told_from_what_a_unit_takes() -> None:
    history = [(work, 2.0 + work / 100) for work in (10.0, 50.0, 100.0, 400.0, 1000.0)]
    assert estimate(20, history, model_size=SIZE).seconds == pytest.approx(2.2)
    assert estimate(3000, history, model_size=SIZE).seconds == pytest.approx(32.0)


def test_a_few_jobs_give_a_rate() -> None:
    assert estimate(50, [(100.0, 2.0), (200.0, 4.0)], model_size=SIZE).seconds == pytest.approx(1.0)


def test_without_history_the_size_of_the_model_is_the_guess() -> None:
    guess = estimate(100, [], model_size=SIZE)
    assert guess == first_guess(100, model_size=SIZE)
    assert guess.jobs == 0
    # Measured on two cores: 113 tokens a second of this model, 45 of the other one.
    assert guess.low < 100 / 113 < guess.high
    other = first_guess(100, model_size=491_400_064)
    assert other.low < 100 / 45 < other.high


def test_rows_that_say_nothing_are_left_out() -> None:
    assert estimate(100, [(0.0, 1.0), (100.0, 0.0)], model_size=SIZE).jobs == 0


def test_work_grows_with_what_is_read_and_written() -> None:
    def spec(prompt: str = "p", **parameters: int) -> JobSpec:
        return JobSpec(kind=Kind.TEXT, model="m", prompt=prompt, parameters=parameters)

    assert work_units(spec()) == pytest.approx(USUAL_TOKENS, abs=1)
    assert work_units(spec(max_tokens=64)) == pytest.approx(64, abs=1)
    assert work_units(spec(max_tokens=64, prompt="p" * 4000)) == pytest.approx(464, abs=1)
