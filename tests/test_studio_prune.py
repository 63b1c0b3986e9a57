"""Old files go; what jobs that have not ended need, and what sets have, stays."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from control_house import House, cluster, house
from studio_house import House as Home
from studio_scripted import MADE, SPEC
from tenku.base.errors import StudioError
from tenku.control.jobs.queue import Jobs
from tenku.control.kept import kept
from tenku.control.sets.book import Book
from tenku.studio.inputs import Inputs
from tenku.studio.model import Job, JobId, JobSpec, Kind, State, Usage
from tenku.studio.ports import Finished
from tenku.studio.prune import Kept, Pruned, prune
from tenku.studio.results import Results
from tenku.studio.sets.model import AssetSet, Place, Verdict

__all__ = ["cluster", "house"]

OLD, NOW = 1_000_000.0, 2_000_000.0
NOTHING = Kept(frozenset(), frozenset())
ONE, TWO = JobId("aaaaaaaaaaaa"), JobId("bbbbbbbbbbbb")
KEY = "ab" * 32


def age(path: Path) -> None:
    os.utime(path, (OLD, OLD))


def made(results: Results, job: JobId, *, key: str = KEY) -> Path:
    stored = results.write(job, MADE, key=key, provenance={})
    return results.path(job, stored[0].name).parent


def swept(tmp_path: Path, keep: Kept = NOTHING, *, dry: bool = False) -> Pruned:
    return prune(Results(tmp_path), Inputs(tmp_path / "inputs"), kept=lambda: keep, before=NOW, dry=dry)


def test_old_files_go_and_their_keys_with_them(tmp_path: Path) -> None:
    results, inputs = Results(tmp_path), Inputs(tmp_path / "inputs")
    old, young = made(results, ONE), made(results, TWO, key="cd" * 32)
    name = inputs.put(b"a picture")
    for path in (old, tmp_path / "inputs" / name):
        age(path)
    would = swept(tmp_path, dry=True)
    assert old.is_dir()
    gone = swept(tmp_path)
    assert would == gone
    assert (gone.jobs, gone.inputs) == (1, 1)
    assert gone.bytes > len(b"a picture") + len(MADE[0].data)
    assert (old.exists(), young.exists()) == (False, True)
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["cd" * 32]
    assert results.known(KEY) is None
    assert swept(tmp_path) == Pruned(jobs=0, inputs=0, bytes=0)


def test_what_is_used_again_is_not_old(tmp_path: Path) -> None:
    results = Results(tmp_path)
    folder = made(results, ONE)
    age(folder)
    assert results.known(KEY) is not None
    assert swept(tmp_path).jobs == 0
    assert folder.is_dir()


def test_bytes_that_another_job_has_as_well_are_not_freed(tmp_path: Path) -> None:
    results = Results(tmp_path)
    folder = made(results, ONE)
    assert results.find(KEY, job=TWO) is not None
    age(folder)
    assert swept(tmp_path) == Pruned(jobs=1, inputs=0, bytes=0)
    assert results.path(TWO, MADE[0].name).read_bytes() == MADE[0].data


def test_what_has_to_stay_stays(tmp_path: Path) -> None:
    results, inputs = Results(tmp_path), Inputs(tmp_path / "inputs")
    folder, name = made(results, ONE), inputs.put(b"a picture")
    for path in (folder, tmp_path / "inputs" / name):
        age(path)
    assert swept(tmp_path, Kept(frozenset({ONE}), frozenset({name}))) == Pruned(jobs=0, inputs=0, bytes=0)
    assert inputs.get(name) == b"a picture"


def test_nothing_else_in_the_folder_is_touched(tmp_path: Path) -> None:
    results = Results(tmp_path)
    made(results, ONE)
    (tmp_path / "notes.txt").write_text("mine")
    for path in tmp_path.iterdir():
        age(path)
    swept(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / "keys").is_dir()


def test_where_the_database_is_away_nothing_goes(tmp_path: Path) -> None:
    folder = made(Results(tmp_path), ONE)
    age(folder)

    def away() -> Kept:
        raise StudioError("The database is away.")

    with pytest.raises(StudioError):
        prune(Results(tmp_path), Inputs(tmp_path / "inputs"), kept=away, before=NOW)
    assert folder.is_dir()


def job_with(jobs: Jobs, *inputs: str) -> Job:
    edit = JobSpec(
        kind=Kind.IMAGE, model="m", prompt="p", parameters={"image": inputs[0], "references": list(inputs[1:])}
    )
    [job] = jobs.submit([edit])
    return job


def test_jobs_that_have_not_ended_and_sets_need_their_files(house: House) -> None:
    jobs, names = house.jobs(), [f"{number:064x}" for number in range(4)]
    ended, queued = job_with(jobs, names[0]), job_with(jobs, names[1], names[2])
    claimed = jobs.claim("w", lease_s=60)
    assert claimed is not None
    jobs.finish(claimed.id, "w", Finished(usage=Usage(seconds=1)))
    assert jobs.get(ended.id).state is State.DONE
    assert kept(jobs.database) == Kept(frozenset({queued.id}), frozenset(names[1:3]))

    place = Place(row=0, name="potion", spec=replace(SPEC, parameters={"image": names[3]}), verdict=Verdict.OPEN)
    book = Book(jobs, now=house.clock)
    book.put(AssetSet(name="icons", team="art", style="", folder="", finish={}, created=0, changed=0, places=[place]))
    book.found("icons", 0, ended.id)
    assert kept(jobs.database) == Kept(frozenset({ended.id, queued.id}), frozenset(names))
    book.forget("icons")
    assert kept(jobs.database) == Kept(frozenset({queued.id}), frozenset(names[1:3]))


def test_the_command_says_what_it_deletes(tmp_path: Path) -> None:
    home = Home(tmp_path)
    results = Results(tmp_path / "studio" / "results")
    folder = made(results, ONE)
    age(folder)
    assert home.json("jobs", "prune", "--dry-run")["jobs"] == 1
    done = home.run("jobs", "prune", "--older", "1d")
    assert done.stdout.startswith("Deleted the files of 1 job and 0 input files, ")
    assert not folder.exists()
    home.refused("jobs", "prune", "--older", "soon", part="--older: 'soon' cannot be used", code=2)


def test_the_commands_about_teams(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.run("teams").stdout == "No team has had a job yet.\n"
    assert home.json("teams", "budget", "art", "3600")["teams"][0]["budget_s"] == 3600
    assert "art   0 s              1 h" in home.run("teams").stdout
    home.refused("teams", "budget", "art", "much", part="SECONDS: 'much' cannot be used", code=2)


def test_a_token_is_made_for_a_team(tmp_path: Path) -> None:
    home, file = Home(tmp_path), tmp_path / "tokens.json"
    assert home.json("tokens", "new", "anna", "--team", "art", "--token-file", file)["team"] == "art"
    assert home.run("tokens", "list", "--token-file", file).stdout.endswith("anna, team art\n")
