"""Asset sets in SQLite and PostgreSQL: places keep their takes and verdicts, whatever happens around them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from control_house import House, cluster, house
from tenku.base.errors import JobError, UnknownJob, UnknownSet, UsageError
from tenku.control.jobs.queue import Jobs
from tenku.control.sets.book import Book
from tenku.studio.inputs import Inputs
from tenku.studio.model import Job, JobId, JobSpec, Kind, Output, State, Usage
from tenku.studio.ports import Finished
from tenku.studio.results import Results
from tenku.studio.sets.model import AssetSet, Verdict
from tenku.studio.sets.service import Sets
from tenku.studio.sets.takes import SetTakes

__all__ = ["cluster", "house"]

PICTURE = Output(name="image.png", media_type="image/png", data=b"a picture")


def nothing_wrong(_: JobSpec) -> None:
    """Every job can be made."""


class Studio:
    """A book, its service, and somebody who makes what is handed in."""

    def __init__(self, house: House, folder: Path, check: Callable[[JobSpec], None] = nothing_wrong) -> None:
        self.jobs: Jobs = house.jobs()
        self.book = Book(self.jobs, now=house.clock)
        self.results = Results(folder / "results")
        self.inputs = Inputs(folder / "inputs")
        self.sets = Sets(self.book, results=self.results, inputs=self.inputs, check=check)

    def work(self) -> list[Job]:
        """Make what is queued."""
        done = []
        while (job := self.jobs.claim("w", lease_s=60)) is not None:
            outputs = self.results.write(job.id, [PICTURE], key=f"{job.id:0>64}", provenance={})
            assert self.jobs.finish(job.id, "w", Finished(outputs=outputs, usage=Usage(seconds=1)))
            done.append(job)
        return done


@pytest.fixture
def studio(house: House, tmp_path: Path) -> Studio:
    return Studio(house, tmp_path)


def places(*names: str, prompt: str = "a potion", seed: int = 7) -> list[tuple[str, JobSpec]]:
    return [
        (name, JobSpec(kind=Kind.IMAGE, model="m", prompt=prompt, seed=seed + row, row=row))
        for row, name in enumerate(names)
    ]


def recorded(studio: Studio, *names: str) -> AssetSet:
    """A set whose places have one take each, all done."""
    asked = places(*names)
    studio.sets.record("icons", asked, style="pixel-rpg", folder="/out", finish={"pixels": 4})
    studio.book.submit("icons", [spec for _, spec in asked])
    studio.work()
    return studio.sets.get("icons")


def verdicts(found: AssetSet) -> dict[str, tuple[str, int]]:
    return {each.name: (each.verdict.value, each.chosen) for each in found.places}


def test_a_set_remembers_places_takes_style_and_how_far_each_job_is(studio: Studio, house: House) -> None:
    asked = places("red", "blue")
    studio.sets.record("icons", asked, style="pixel-rpg", folder="/out", finish={"pixels": 4})
    studio.book.submit("icons", [asked[0][1]])
    found = studio.sets.get("icons")
    assert (found.style, found.folder, found.finish, found.team) == ("pixel-rpg", "/out", {"pixels": 4}, "studio")
    assert [(each.row, each.name, each.spec) for each in found.places] == [(0, *asked[0]), (1, *asked[1])]
    assert [[take.state for take in each.takes] for each in found.places] == [[State.QUEUED], []]
    [row] = studio.sets.list()
    assert (row.name, row.places, row.unended, row.counts[Verdict.OPEN]) == ("icons", 2, 1, 2)
    studio.work()
    shown = studio.sets.get("icons").places[0].shown
    assert shown is not None
    assert (shown.state, shown.number) == (State.DONE, 1)
    assert studio.sets.file("icons", 0).read_bytes() == PICTURE.data
    assert studio.sets.list()[0].unended == 0
    assert house.clock.at == studio.sets.list()[0].created


def test_the_same_command_again_loses_no_verdict_also_where_a_row_came_in_between(studio: Studio) -> None:
    recorded(studio, "red", "blue", "green")
    studio.sets.approve("icons", [0])
    studio.sets.reject("icons", [2])
    again = places("red", "blue", "green")
    studio.sets.record("icons", again)
    assert verdicts(studio.sets.get("icons")) == {"red": ("approved", 1), "blue": ("open", 0), "green": ("rejected", 0)}
    moved = [again[0], ("new", again[1][1]), *((name, replace(spec, row=spec.row + 1)) for name, spec in again[1:])]
    found = studio.sets.record("icons", moved)
    assert [(each.row, each.name, len(each.takes)) for each in found.places] == [
        (0, "red", 1),
        (1, "new", 0),
        (2, "blue", 1),
        (3, "green", 1),
    ]
    assert verdicts(found)["green"] == ("rejected", 0)
    other = studio.sets.record("icons", places("red", prompt="a shield"))
    assert verdicts(other) == {"red": ("open", 0)}
    assert other.places[0].takes == ()


def test_a_rejected_asset_keeps_its_place_and_is_made_again_with_a_seed_of_its_own(studio: Studio) -> None:
    recorded(studio, "red", "blue")
    studio.sets.reject("icons", [1])
    studio.sets.approve("icons", [0])
    [take] = studio.sets.remake("icons")
    assert (take.number, take.state, take.spec.row, take.spec.prompt) == (2, State.QUEUED, 1, "a potion")
    assert take.spec.seed not in (7, 8)
    assert verdicts(studio.sets.get("icons")) == {"red": ("approved", 1), "blue": ("open", 0)}
    studio.work()
    assert studio.sets.remake("icons") == []
    blue = studio.sets.get("icons").places[1]
    assert blue.shown is not None
    assert (blue.row, blue.shown.number, len(blue.takes)) == (1, 2, 2)


def test_variations_are_takes_of_their_place_and_the_approved_one_stays_until_another_is(studio: Studio) -> None:
    recorded(studio, "red", "blue")
    studio.sets.approve("icons", [0])
    takes = studio.sets.vary("icons", 0, count=3)
    assert [take.number for take in takes] == [2, 3, 4]
    assert len({take.spec.seed for take in takes} | {7, 8}) == 5
    studio.work()
    assert verdicts(studio.sets.get("icons"))["red"] == ("approved", 1)
    studio.sets.approve("icons", [0], take=3)
    red = studio.sets.get("icons").places[0]
    assert red.shown is not None
    assert red.shown.number == 3
    assert studio.sets.file("icons", 0, take=2).is_file()


def test_a_near_variation_begins_from_the_picture_that_is_shown(studio: Studio) -> None:
    recorded(studio, "red")
    [take] = studio.sets.vary("icons", 0, count=1, near=0.4, prompt="a green potion")
    assert studio.inputs.get(str(take.spec.parameters["image"])) == PICTURE.data
    assert (take.spec.parameters["strength"], take.spec.prompt) == (0.6, "a green potion")
    with pytest.raises(UsageError, match=r"near is 1\.5"):
        studio.sets.vary("icons", 0, near=1.5)


def test_jobs_and_their_takes_are_written_down_together_or_not_at_all(studio: Studio) -> None:
    asked = places("red")
    studio.sets.record("icons", asked)
    stray = [asked[0][1], replace(asked[0][1], row=5)]
    with pytest.raises(UnknownSet, match="no row 5"):
        studio.book.submit("icons", stray)
    assert studio.jobs.list() == []
    assert studio.sets.get("icons").places[0].takes == ()


def test_a_job_that_was_there_before_becomes_a_take_once(studio: Studio) -> None:
    asked = places("red")
    [job] = studio.jobs.submit([asked[0][1]])
    studio.work()
    studio.sets.record("icons", asked)
    studio.sets.found("icons", 0, job.id)
    studio.sets.found("icons", 0, job.id)
    assert [take.job for take in studio.sets.get("icons").places[0].takes] == [job.id]
    with pytest.raises(UnknownJob):
        studio.sets.found("icons", 0, JobId("nothere"))


def test_what_is_known_is_there_when_it_is_handed_in(studio: Studio) -> None:
    recorded(studio, "red", "blue")
    results = {take.job: take.outputs for place in studio.sets.get("icons").places for take in place.takes}
    [(old, outputs), *_] = results.items()
    studio.sets.record("again", places("red", "blue"))
    specs = studio.sets.missing("again")
    give = lambda job: outputs if studio.results.give(old, outputs, job=job) else None  # noqa: E731
    first, second = studio.sets.hand_in("again", specs, known=[give, None])
    assert (first.state, second.state, first.outputs) == (State.DONE, State.QUEUED, tuple(outputs))
    assert studio.sets.file("again", 0).read_bytes() == PICTURE.data
    assert studio.sets.missing("again") == [], "one is there, and one on its way"
    studio.jobs.cancel(second.job)
    assert [spec.row for spec in studio.sets.missing("again")] == [1]


def test_a_result_whose_job_nobody_knows_any_more_is_handed_in_once(studio: Studio) -> None:
    [(name, spec)] = places("red")
    studio.sets.record("icons", [(name, spec)])
    takes = SetTakes(studio.book, "icons")
    assert not takes.found(spec, JobId("nothere"))
    takes.submit([replace(spec, batch="make-1")])
    assert not takes.found(spec, JobId("nothere")), "it is not done"
    studio.work()
    assert takes.found(spec, JobId("nothere"))


def test_what_cannot_be_is_a_sentence(house: House, tmp_path: Path, studio: Studio) -> None:
    recorded(studio, "red")
    studio.sets.vary("icons", 0, count=1)

    def refuse(part: str, kind: type[Exception], act: Callable[[], object]) -> None:
        with pytest.raises(kind, match=part):
            act()

    sets = studio.sets
    refuse("no set gone", UnknownSet, lambda: sets.get("gone"))
    refuse("no row 9", UnknownSet, lambda: sets.approve("icons", [9]))
    refuse("no take 9", UnknownSet, lambda: sets.approve("icons", [0], take=9))
    refuse("is not made yet", UsageError, lambda: sets.approve("icons", [0], take=2))
    refuse("99 variations", UsageError, lambda: sets.vary("icons", 0, count=99))
    refuse("cannot be a set's name", UsageError, lambda: sets.record("../icons", places("red")))
    refuse("cannot be the name of a file", UsageError, lambda: sets.record("x", places("a", "../../etc/x")))
    refuse("Two places are called A", UsageError, lambda: sets.record("x", places("a", "A")))
    refuse("of the folder /out", UsageError, lambda: sets.record("icons", places("red"), folder="/elsewhere"))

    def full(_: JobSpec) -> None:
        raise JobError("It cannot be made.")

    strict = Studio(house, tmp_path, check=full)
    before: Sequence[Job] = studio.jobs.list()
    refuse("It cannot be made", JobError, lambda: strict.sets.vary("icons", 0))
    assert studio.jobs.list() == before


def test_a_team_sees_its_own_sets_alone_and_what_it_varies_is_its_own(studio: Studio) -> None:
    recorded(studio, "red")
    other = studio.sets.of("other")
    assert other.list() == []
    with pytest.raises(UnknownSet):
        other.get("icons")
    other.record("theirs", places("red"))
    [take] = other.vary("theirs", 0, count=1)
    assert take.spec.team == "other"
    assert [row.name for row in other.list()] == ["theirs"]
    other.forget("theirs")
    assert other.list() == []
    assert studio.jobs.get(take.job).state is State.QUEUED
