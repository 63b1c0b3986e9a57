"""`tenku make`: the real command with the real SmolLM2; what it says is nonsense, what is promised about it is not."""

import csv
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from studio_house import ITEM, MODEL, House
from studio_models import smollm2
from tenku.studio.atwork import lock_path, somebody_works
from tenku.studio.model import State
from tenku.studio.recipes.placeholders import placeholder_fault
from tenku.studio.schema import fault

__all__ = ["smollm2"]

PATIENCE_S = 90.0


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> House:
    """One house for all of these tests: a model is installed once."""
    house = House(tmp_path_factory.mktemp("house"))
    house.install(smollm2)
    return house


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def report(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_items_meet_their_schema_lie_in_files_and_cost_nothing_the_second_time(house: House) -> None:
    command = ("make", "text", "a fire sword", "--schema", "item.json", "--count", "2", "--seed", "7", "--out", "items")
    done = house.run(*command)
    assert done.returncode == 0, done.stderr
    assert "Made 2 of 2 texts in items." in done.stdout
    assert "were expected there" in done.stdout
    assert "a first guess" in done.stderr
    for name in ("0001.json", "0002.json"):
        assert fault(json.loads((house.folder / "items" / name).read_text()), ITEM) == ""
        provenance = json.loads((house.folder / "items" / "provenance" / name).read_text())
        assert (provenance["model"]["licence"], provenance["prompt"]) == ("Apache-2.0", "a fire sword")
    rows = report(house.folder / "items" / "report.csv")
    assert [(row["name"], row["state"], row["file"]) for row in rows] == [
        ("0001", "done", "0001.json"),
        ("0002", "done", "0002.json"),
    ]
    assert all(float(row["seconds"]) > 0 and float(row["estimate"]) > 0 for row in rows)
    with house.jobs() as jobs:
        before = {job.id for job in jobs.list()}
        assert sorted(job.spec.seed for job in jobs.list()) == [7, 8]
        again = house.json(*command)
        assert (again["made"], again["reused"], again["work_seconds"]) == (2, 2, 0.0)
        assert {job.id for job in jobs.list()} == before


def test_a_text_is_printed_where_no_folder_is_named(house: House) -> None:
    done = house.run("make", "text", "Say hello.", "--max-tokens", "12", "--temperature", "0", "--system", "Be short.")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "Made" not in done.stdout


def test_a_batch_makes_what_it_can_tells_the_rest_by_line_and_goes_on_where_it_was(house: House) -> None:
    rows = [
        "kind,prompt,name,schema,seed,max_tokens",
        "text,a bow,bow,item.json,3,",
        "image,a potion,potion,,,",
        "text,Say hello.,hello,,,12",
        "text,a shield,shield,missing.json,,",
        "text,a spell,spell,,,lots",
    ]
    (house.folder / "assets.csv").write_text("\n".join(rows[:3]) + "\n", encoding="utf-8")
    first = house.json("make", "batch", "assets.csv", code=1)
    assert (first["made"], first["failed"], first["reused"]) == (1, 1, 0)
    (house.folder / "assets.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    done = house.run("make", "batch", "assets.csv")
    assert done.returncode == 1
    assert "Made 2 of 5 assets in assets." in done.stdout
    assert "line 3 potion" in done.stdout
    told = {row["name"]: row for row in report(house.folder / "assets" / "report.csv")}
    assert [(name, row["line"], row["state"]) for name, row in told.items()] == [
        ("bow", "2", "done"),
        ("potion", "3", "failed"),
        ("hello", "4", "done"),
        ("shield", "5", "failed"),
        ("spell", "6", "failed"),
    ]
    assert told["bow"]["reused"] == "yes"
    assert "missing.json cannot be read" in told["shield"]["error"]
    assert (house.folder / "assets" / "bow.json").is_file()
    assert (house.folder / "assets" / "hello.txt").is_file()
    assert not list((house.folder / "assets").glob("potion*"))


def test_ctrl_c_keeps_what_is_made_and_leaves_nothing_in_the_queue_and_nobody_at_work(house: House) -> None:
    out = house.folder / "many"
    command = ("make", "text", "a bow", "--schema", "item.json", "--count", "60", "--seed", "100", "--out", "many")
    process = house.start(*command)
    until(lambda: (out / "0001.json").is_file())
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "what was queued is cancelled" in said
    assert "Run the same command again" in said
    until(lambda: not somebody_works(lock_path(house.folder / "studio", house.database)))
    kept = len(list(out.glob("0*.json")))
    with house.jobs() as jobs:
        assert jobs.list(unended=True) == []
        assert {job.state for job in jobs.list(limit=60)} == {State.DONE, State.CANCELLED}
    again = house.json(*command[:5], "--count", "1", *command[7:])
    assert (again["reused"], kept >= 1) == (1, True)


def test_lines_items_and_translations_come_as_the_files_that_games_read(house: House) -> None:
    done = house.run("make", "lines", "a fight", "--character", "Grim: a smith", "--count", "1", "--out", "barks.ink")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "=== grim ===\n{ shuffle:\n    - Grim: " in (house.folder / "barks.ink").read_text(encoding="utf-8")
    done = house.run("make", "items", "a bow", "--schema", "item.json", "--count", "1", "--out", "t/items.csv")
    assert done.returncode == 0, done.stdout + done.stderr
    [item] = report(house.folder / "t" / "items.csv")
    assert list(item) == ["name", "damage", "rarity"]
    made_of = json.loads((house.folder / "t" / "items.csv.provenance.json").read_text())["made_of"]
    assert [each["model"]["name"] for each in made_of] == [MODEL]


def test_a_placeholder_survives_a_model_that_knows_no_better_or_its_row_fails(house: House) -> None:
    table = 'key,source,max\ngreet,"Hello, {player}!",\nid,{id},\nlong,Come here,1\n'
    (house.folder / "strings.csv").write_text(table, encoding="utf-8")
    told = house.json(
        *("make", "translation", "strings.csv", "--into", "Spanish", "--out", "es.csv", "--tries", "2"),
        *("--max-tokens", "120"),
        code=1,
    )
    rows = {row["key"]: row for row in report(house.folder / "es.csv")}
    assert [row["key"] for row in rows.values()] == ["greet", "id", "long"]
    assert rows["id"]["Spanish"] == "{id}"
    assert rows["long"]["Spanish"] == ""
    failed = {piece["name"]: piece["error"] for piece in told["pieces"] if piece["state"] == "failed"}
    assert "long" in failed
    if "greet" not in failed:
        assert placeholder_fault(rows["greet"]["source"], rows["greet"]["Spanish"]) == ""


def test_what_cannot_be_made_is_one_sentence(house: House) -> None:
    impossible = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 2, "maximum": 1}}}
    (house.folder / "bad.json").write_text(json.dumps({**impossible, "required": ["a"]}), encoding="utf-8")
    (house.folder / "blob.csv").write_bytes(b"\xff\xfe\x00")
    refuse = house.refused
    refuse("make", "text", "x", "--schema", "bad.json", part="Nothing can meet bad.json: at properties.a", code=2)
    refuse("make", "text", "x", "--schema", "gone.json", part="gone.json cannot be read", code=2)
    refuse("make", "text", " ", part="The prompt is empty", code=2)
    refuse("make", "text", "x", "--count", "0", part="--count: '0' cannot be used", code=2)
    refuse("make", "text", "x", "--model", "gone", part="There is no model gone on this machine", code=1)
    refuse("make", "text", "x", "--temperature", "hot", part="--temperature: 'hot' cannot be used", code=2)
    refuse("make", "text", "x", "--out", "item.json", part="item.json", code=1)
    refuse("make", "batch", "blob.csv", part="blob.csv is no text in UTF-8", code=2)
    refuse("make", "lines", "a fight", "--out", "a.csv", part="Nobody speaks", code=2)
    refuse("make", "lines", "a fight", "--out", "a.doc", part="a.doc has no known ending", code=2)
    refuse("make", "image", "x", part="No model that makes image is installed", code=1)
    refuse("make", "smell", "x", part="Argument WHAT: invalid choice", code=2)
    assert not (house.folder / "a.csv").exists()
