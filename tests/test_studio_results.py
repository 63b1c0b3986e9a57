"""Outputs are on the disk whole, with where they came from, or not at all."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from studio_scripted import MADE, MODEL, SPEC
from tenku.base.errors import JobError
from tenku.studio.model import JobId, JobSpec, Json, Output
from tenku.studio.resultkey import Ingredient, Maker, result_key
from tenku.studio.results import Results

MAKER = Maker(engine="llama", version="1", device="cpu")
KEY = result_key(SPEC, MODEL, MAKER)
ONE, TWO = JobId("aaaaaaaaaaaa"), JobId("bbbbbbbbbbbb")
FROM: dict[str, Json] = {"model": {"licence": "Apache-2.0"}, "seed": 0}


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_an_output_lies_beside_its_provenance(tmp_path: Path) -> None:
    results = Results(tmp_path)
    [stored] = results.write(ONE, MADE, key=KEY, provenance=FROM)
    assert results.path(ONE, "text.txt").read_bytes() == MADE[0].data
    told = results.provenance(ONE, "text.txt")
    assert told["output"]["sha256"] == stored.sha256
    assert (told["key"], told["seed"], told["model"]) == (KEY, 0, {"licence": "Apache-2.0"})
    assert files(tmp_path) == [f"{ONE}/text.txt", f"{ONE}/text.txt.provenance.json", f"keys/{KEY}"]


def test_a_hit_gives_another_job_the_same_bytes(tmp_path: Path) -> None:
    results = Results(tmp_path)
    stored = results.write(ONE, MADE, key=KEY, provenance=FROM)
    assert results.find(KEY, job=TWO) == stored
    assert results.path(TWO, "text.txt").read_bytes() == MADE[0].data
    assert results.provenance(TWO, "text.txt") == results.provenance(ONE, "text.txt")
    assert results.find("0" * 64, job=TWO) is None


def test_what_is_given_is_there_whole_or_said_not_to_be(tmp_path: Path) -> None:
    results = Results(tmp_path)
    stored = results.write(ONE, MADE, key=KEY, provenance=FROM)
    assert results.give(ONE, stored, job=TWO)
    results.path(ONE, "text.txt").unlink()
    assert results.path(TWO, "text.txt").read_bytes() == MADE[0].data
    assert not results.give(ONE, stored, job=JobId("cccccccccccc"))
    assert not (tmp_path / "cccccccccccc").exists()


@pytest.mark.parametrize("harm", ["changed", "gone", "index"])
def test_a_result_that_is_damaged_is_made_again(tmp_path: Path, harm: str) -> None:
    results = Results(tmp_path)
    results.write(ONE, MADE, key=KEY, provenance=FROM)
    match harm:
        case "changed":
            results.path(ONE, "text.txt").write_bytes(b"something else")
        case "gone":
            results.path(ONE, "text.txt").unlink()
        case "index":
            (tmp_path / "keys" / KEY).write_text("{")
    assert results.find(KEY, job=TWO) is None
    assert not (tmp_path / TWO).exists()


def test_a_second_attempt_replaces_the_first_ones_outputs(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.write(ONE, [replace(MADE[0], name="old.txt")], key=KEY, provenance=FROM)
    results.write(ONE, MADE, key=KEY, provenance=FROM)
    assert not (tmp_path / ONE / "old.txt").exists()


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "x" * 300, "a\0b"])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(JobError, match="cannot be the name of an output"):
        Results(tmp_path).write(ONE, [replace(MADE[0], name=name)], key=KEY, provenance=FROM)
    assert files(tmp_path) == []


def test_json_with_nan_is_refused(tmp_path: Path) -> None:
    bad = Output(name="item.json", media_type="application/json", data=b'{"damage": NaN}')
    with pytest.raises(JobError, match="NaN, which is no number"):
        Results(tmp_path).write(ONE, [*MADE, bad], key=KEY, provenance=FROM)
    assert files(tmp_path) == []


FULL = """
import resource, signal, sys
from pathlib import Path
from tenku.base.errors import JobError
from tenku.studio.model import JobId, Output
from tenku.studio.results import Results
root = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
outputs = [Output(name=name, media_type="text/plain", data=b"x" * size) for name, size in (("a", 10), ("b", 5000))]
try:
    Results(root).write(JobId("cccccccccccc"), outputs, key="0" * 64, provenance={})
except JobError as error:
    print(error.sentence())
"""


def test_where_the_disk_takes_no_more_nothing_is_half_written(tmp_path: Path) -> None:
    """A real refusal of the kernel: this process may write no file over 1000 bytes."""
    results = Results(tmp_path)
    results.write(ONE, MADE, key=KEY, provenance=FROM)
    before = files(tmp_path)
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "cannot be written to" in done.stdout
    assert files(tmp_path) == before
    assert [path.name for path in tmp_path.glob(".new-*")] == []


@pytest.mark.skipif(not Path("/dev/full").exists() or os.geteuid() != 0, reason="a small disk is mounted by root alone")
def test_a_full_disk_is_said(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        big = replace(MADE[0], data=b"x" * 200_000)
        with pytest.raises(JobError, match=r"The disk of .* is full"):
            Results(small).write(ONE, [big], key=KEY, provenance=FROM)
        assert files(small) == []
        # There is room for others afterwards.
        assert Results(small).write(TWO, MADE, key=KEY, provenance=FROM)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_what_was_left_half_written_is_swept_when_it_is_old(tmp_path: Path) -> None:
    old, new = tmp_path / ".new-old", tmp_path / ".new-new"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (1000, 1000))
    Results(tmp_path).sweep(now=new.stat().st_mtime + 10)
    assert (old.exists(), new.exists()) == (False, True)


SOUND = Ingredient(role="sound_model", weights=MODEL.hash, model=MODEL, maker=MAKER)


def keyed(spec: JobSpec = SPEC, maker: Maker = MAKER, *, others: Sequence[Ingredient] = (), **model: object) -> str:
    return result_key(spec, replace(MODEL, **model), maker, others=others)  # type: ignore[arg-type]


def test_what_a_server_elsewhere_made_answers_for_no_other_job() -> None:
    """Nobody knows what it has under that name today; a batch finds its own results again."""
    assert keyed(hash="remote") == ""
    assert keyed(others=[replace(SOUND, model=replace(MODEL, hash="remote"))]) == ""
    batch = replace(SPEC, batch="make-1")
    assert keyed(batch, hash="remote") == keyed(replace(batch, row=3), hash="remote") != ""
    cached: dict[str, Json] = {"cache": True}
    assert keyed(batch, hash="remote", parameters=cached) == keyed(hash="remote", parameters=cached)


def test_a_result_without_a_key_is_kept_and_found_by_nobody(tmp_path: Path) -> None:
    results = Results(tmp_path)
    stored = results.write(ONE, MADE, key="", provenance={})
    assert results.path(ONE, stored[0].name).read_bytes() == MADE[0].data
    assert results.find("", job=TWO) is None
    assert results.known("") is None


def test_what_changes_a_result_changes_its_key() -> None:
    different = [
        keyed(),
        keyed(replace(SPEC, seed=1)),
        keyed(replace(SPEC, prompt="another")),
        keyed(replace(SPEC, parameters={"temperature": 0.5})),
        keyed(hash="cd" * 32),
        keyed(parameters={"context": 512}),
        keyed(maker=replace(MAKER, version="2")),
        keyed(maker=replace(MAKER, device="cuda")),
        keyed(maker=replace(MAKER, acceleration="cache-dit")),
        keyed(hash="remote", path="http://one", parameters={"cache": True}),
        keyed(hash="remote", path="http://two", parameters={"cache": True}),
        keyed(replace(SPEC, batch="b"), hash="remote", path="http://one"),
        keyed(replace(SPEC, batch="c"), hash="remote", path="http://one"),
        keyed(others=[SOUND]),
        keyed(others=[replace(SOUND, maker=replace(MAKER, version="2"))]),
        keyed(others=[replace(SOUND, model=replace(MODEL, hash="ef" * 32))]),
        keyed(others=[Ingredient(role="lora", weights="cd" * 32)]),
    ]
    assert len(set(different)) == len(different)


def test_what_does_not_change_a_result_does_not_change_its_key() -> None:
    same = replace(SPEC, team="other", priority=5, deadline_s=9.0, batch="b", row=3)
    assert keyed(same) == keyed()
    assert keyed(path="elsewhere", name="renamed") == keyed()
    one: dict[str, Json] = {"a": 1, "b": [1, {"c": 2}]}
    two: dict[str, Json] = {"b": [1, {"c": 2}], "a": 1}
    assert keyed(replace(SPEC, parameters=one)) == keyed(replace(SPEC, parameters=two))
    assert json.loads(json.dumps(one)) == two


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_refused(number: float) -> None:
    with pytest.raises(JobError, match="cannot be used"):
        keyed(replace(SPEC, parameters={"temperature": number}))
