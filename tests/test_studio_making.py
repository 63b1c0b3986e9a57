"""A recipe's jobs are handed in, waited for, asked again, reused, and never left behind."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from studio_making import Place, by_prompt
from tenku.base.errors import StudioError
from tenku.studio.making import Making, Places
from tenku.studio.model import Job, JobId, JobSpec, Json, Kind, State
from tenku.studio.recipes.items import Items
from tenku.studio.recipes.recipe import Ask, Manner
from tenku.studio.recipes.texts import Texts, text_asks

ITEM: dict[str, Json] = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


def nobody_complains() -> None:
    """A worker that is well."""


def run(making: Making, asks: list[Ask]) -> None:
    asyncio.run(making.run(asks, check=nobody_complains))


def two(prompt: str = "p") -> list[Ask]:
    return text_asks(prompt, model="m", parameters={}, count=2, seed=5)


def test_each_job_is_made_and_the_second_time_it_is_there(tmp_path: Path) -> None:
    place = Place(tmp_path, lambda spec: f"seed {spec.seed}")
    with place.working():
        first = place.making(Texts(two()))
        assert first.reuse(two()) == two()
        run(first, two())
        assert sorted(each.path.read_text() for each in first.pieces if each.path) == ["seed 5", "seed 6"]
        assert not any(each.reused for each in first.pieces)
        again = place.making(Texts(two()))
        assert again.reuse(two()) == []
    assert [(each.state, each.reused, each.seconds) for each in again.pieces] == [(State.DONE, True, 0.0)] * 2
    assert len(place.engine.asked) == 2


def test_a_failed_job_harms_no_other_one(tmp_path: Path) -> None:
    place = Place(tmp_path, by_prompt({"good": ["fine"], "bad": ["error: no idea."]}))
    asks = [*text_asks("bad", model="m", parameters={}, count=1, seed=0, name="bad")]
    asks += text_asks("good", model="m", parameters={}, count=1, seed=0, name="good")
    with place.working():
        making = place.making(Texts(asks))
        run(making, asks)
    assert {each.ask.key: (each.state, each.error) for each in making.pieces} == {
        "bad": (State.FAILED, "error: no idea."),
        "good": (State.DONE, ""),
    }


def test_what_a_recipe_does_not_like_is_made_again_and_all_attempts_count(tmp_path: Path) -> None:
    place = Place(tmp_path, by_prompt({"p": [json.dumps({"nom": 1}), json.dumps({"name": "Axe"})]}))
    recipe = Items("p", ITEM, count=1, unique="name", manner=Manner(model="m"))
    with place.working():
        making = place.making(recipe)
        run(making, list(recipe.asks()))
        assert [(each.state, each.ask.attempt, each.seconds) for each in making.pieces] == [(State.DONE, 2, 1.0)]
        recipe = Items("p", ITEM, count=1, unique="name", manner=Manner(model="m"))
        again = place.making(recipe)
        assert again.reuse(recipe.asks()) == []
    assert again.pieces[0].reused
    assert recipe.rows() == [{"name": "Axe"}]


def test_jobs_that_a_killed_command_left_are_waited_for_not_made_twice(tmp_path: Path) -> None:
    place = Place(tmp_path, lambda spec: f"seed {spec.seed}")
    left = [JobSpec(kind=Kind.TEXT, model="m", prompt="p", seed=5 + row, row=row, batch="b") for row in range(2)]
    jobs = place.jobs.submit(left)
    with place.working():
        making = place.making(Texts(two()))
        run(making, two())
    assert {each.job for each in making.pieces} == {job.id for job in jobs}
    assert len(place.engine.asked) == 2


def test_a_run_that_is_stopped_leaves_nothing_in_the_queue(tmp_path: Path) -> None:
    place = Place(tmp_path, lambda spec: f"seed {spec.seed}")
    place.engine.hold.clear()

    async def stopped() -> None:
        task = asyncio.create_task(place.making(Texts(two())).run(two(), check=nobody_complains))
        while not place.engine.asked:  # noqa: ASYNC110 - a thread tells us nothing
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with place.working():
        asyncio.run(stopped())
        assert all(job.cancel or job.state is State.CANCELLED for job in place.jobs.list())
    assert len(place.engine.asked) == 1


def test_where_nobody_works_the_run_ends_with_the_reason(tmp_path: Path) -> None:
    place = Place(tmp_path, lambda _: "")

    def check() -> None:
        raise StudioError("The worker was started 5 times and got nothing done.")

    with pytest.raises(StudioError, match="got nothing done"):
        asyncio.run(place.making(Texts(two())).run(two(), check=check))
    assert {job.state for job in place.jobs.list()} == {State.CANCELLED}
    place.jobs.close()


class Book:
    """A `TakeBook` that knows of no job but those that were handed in through it."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.takes: list[tuple[int, JobId]] = []

    def submit(self, specs: Sequence[JobSpec]) -> Sequence[Job]:
        """See `TakeBook`."""
        jobs = self._place.jobs.submit(specs)
        self.takes += [(job.spec.row, job.id) for job in jobs]
        return jobs

    def found(self, spec: JobSpec, job: JobId) -> bool:  # noqa: ARG002
        """See `TakeBook`."""
        return spec.row in [row for row, _ in self.takes]


def test_what_belongs_to_a_set_has_a_take_of_it_also_where_the_result_was_there_before(tmp_path: Path) -> None:
    place = Place(tmp_path, lambda spec: f"seed {spec.seed}")
    book = Book(place)
    places = Places(queue=place.jobs, results=place.results, known=place.known, takes=book)
    with place.working():
        run(place.making(Texts(two())), two())
        first = Making(places, Texts(two()), batch="c", watcher=place)
        assert first.reuse(two()) == two(), "nobody knows of these jobs: they are handed in again"
        run(first, two())
        again = Making(places, Texts(two()), batch="c", watcher=place)
        assert again.reuse(two()) == []
    assert sorted(row for row, _ in book.takes) == [0, 1]
    assert len(place.engine.asked) == 2, "and cost nothing"
