"""The files of a set: every place keeps its cell, checks are told, and nothing is half-written."""

import io
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tenku.base.errors import FolderError, JobError
from tenku.studio.model import JobId, Kind, Output
from tenku.studio.results import Results
from tenku.studio.sets.contact import LABEL, SIDE, Tile, contact_sheet
from tenku.studio.sets.export import Shown, only_approved, put_contact, put_sheet_of, put_shown, settle
from tenku.studio.sets.finishes import Finishes, as_learned
from tenku.studio.sets.folder import put_plans
from tenku.studio.sets.sheetplan import SheetPlan, plans_from, plans_json
from tenku.studio.sprites.grid import Grid
from tenku.studio.sprites.write import Engine
from tenku.studio.styles.finish import Finish


def square(colour: tuple[int, int, int, int], side: int = 32) -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", (side, side), colour).save(out, "PNG")
    return out.getvalue()


def noise(side: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(3).integers(0, 256, (side, side, 3), dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


def opened(path: Path) -> Image.Image:
    return Image.open(io.BytesIO(path.read_bytes()))


RED, BLUE = square((200, 30, 30, 255)), square((30, 30, 200, 255))


def made(results: Results, name: str, *pictures: bytes, state: str = "open") -> Shown:
    """A place whose job made these pictures."""
    outputs = [
        Output(name=f"image{number or ''}.png", media_type="image/png", data=data)
        for number, data in enumerate(pictures)
    ]
    job = JobId(f"job{name}")
    results.write(job, outputs, key="", provenance={"generated": True, "seed": 7})
    return Shown(name=name, state=state, job=job, files=[each.name for each in outputs])


@contextmanager
def full_disk(most: int) -> Iterator[None]:
    """Files of more bytes cannot be written, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_all_outputs_of_a_job_lie_in_the_folder_with_what_made_them(tmp_path: Path) -> None:
    results = Results(tmp_path / "results")
    layers = made(results, "hero", RED, BLUE)
    done = put_shown([layers], tmp_path / "out", results, finishes=Finishes(usual=Finish(pixels=8)))
    assert done.files == {"hero": "hero.png"}
    assert (tmp_path / "out" / "hero.png").read_bytes() == RED, "layers stay as they are"
    assert (tmp_path / "out" / "hero-image1.png").read_bytes() == BLUE
    for name in ("hero", "hero-image1"):
        assert json.loads((tmp_path / "out" / "provenance" / f"{name}.json").read_text())["seed"] == 7


def test_a_finished_picture_says_what_was_done_to_it(tmp_path: Path) -> None:
    results = Results(tmp_path / "results")
    done = put_shown([made(results, "a", RED)], tmp_path / "out", results, finishes=Finishes(usual=Finish(pixels=8)))
    assert opened(tmp_path / "out" / "a.png").size == (8, 8)
    assert json.loads((tmp_path / "out" / "provenance" / "a.json").read_text())["finish"] == {"pixels": 8}
    assert (done.faults, done.findings.failed) == ({}, [])


def test_what_cannot_be_finished_is_there_as_it_was_made_and_told(tmp_path: Path) -> None:
    results = Results(tmp_path / "results")
    places = [made(results, "bad", noise(64)), made(results, "good", RED)]
    done = put_shown(places, tmp_path / "out", results, finishes=Finishes(usual=Finish(background="cut")))
    assert (tmp_path / "out" / "bad.png").read_bytes() == noise(64)
    assert "bad has no plain background" in done.faults["bad"]
    assert "good has nothing but background" in done.faults["good"]


def test_checks_fail_loudly(tmp_path: Path) -> None:
    results = Results(tmp_path / "results")
    done = put_shown([made(results, "ghost", square((0, 0, 0, 0)))], tmp_path / "out", results, finishes=Finishes())
    assert [(each.file, each.check) for each in done.findings.failed] == [("ghost", "empty")]
    assert "It shows nothing" in done.findings.text()


def test_in_a_sheet_every_place_keeps_its_cell_also_where_it_was_rejected(tmp_path: Path) -> None:
    results, out = Results(tmp_path / "results"), tmp_path / "out"
    places = only_approved(
        [
            made(results, "a", RED, state="approved"),
            made(results, "b", RED, state="rejected"),
            made(results, "c", BLUE, state="approved"),
            Shown(name="d", state="not made"),
        ]
    )
    done = put_shown(places, out, results, finishes=Finishes())
    assert set(done.files) == {"a", "c"}
    files = put_sheet_of(
        places, out, done.files, name="icons", grid=Grid(2, 2), engines=[Engine.GODOT], pixel_art=False
    )
    sheet = np.array(opened(files[0]))
    assert files[0] == out / "sheet" / "icons.png"
    cells = [sheet[y : y + 32, x : x + 32] for y in (0, 32) for x in (0, 32)]
    assert [cell[..., 3].max() for cell in cells] == [255, 0, 255, 0]
    assert tuple(cells[2][16, 16]) == (30, 30, 200, 255)
    texture = (out / "sheet" / "icons" / "c.tres").read_text()
    assert "region = Rect2(0, 32, 32, 32)" in texture


def test_what_is_no_picture_has_no_cell(tmp_path: Path) -> None:
    """A spreadsheet of pictures and texts makes one set; its sheet is of the pictures."""
    results, out = Results(tmp_path / "results"), tmp_path / "out"
    text = Output(name="text.txt", media_type="text/plain", data=b"a tale")
    results.write(JobId("jobtale"), [text], key="", provenance={})
    tale = Shown(name="tale", state="open", job=JobId("jobtale"), files=["text.txt"], kind=Kind.TEXT)
    places = [made(results, "a", RED), tale, made(results, "b", BLUE)]
    files = put_shown(places, out, results, finishes=Finishes()).files
    plan = SheetPlan(name="icons", grid=Grid(2, 1), engines=(Engine.UNITY,))
    [page] = put_plans([plan], places, out, files, finishes=Finishes())
    sheet = opened(page)
    assert (sheet.size, sheet.getpixel((48, 16))) == ((64, 32), (30, 30, 200, 255))
    assert put_plans([plan], [tale], out, files, finishes=Finishes()) == []


def test_a_place_may_have_a_style_and_a_sheet_of_its_own(tmp_path: Path) -> None:
    results, out = Results(tmp_path / "results"), tmp_path / "out"
    places = [replace(made(results, "a", RED), style="tiny"), made(results, "b", BLUE), made(results, "c", BLUE)]
    finishes = Finishes(own={"tiny": Finish(pixels=8)})
    done = put_shown(places, out, results, finishes=finishes)
    assert list(done.files) == ["a", "b", "c"]
    assert [opened(out / f"{name}.png").size for name in "abc"] == [(8, 8), (32, 32), (32, 32)]
    assert "finish" not in json.loads((out / "provenance" / "b.json").read_text())
    own = SheetPlan(name="own", grid=Grid(1, 1), places=("a",))
    rest = SheetPlan(name="rest", grid=Grid(1, 2), engines=(Engine.GODOT,))
    assert plans_from(json.loads(json.dumps(plans_json([own, rest])))) == [own, rest]
    pages = put_plans([own, rest], places, out, done.files, finishes=finishes)
    assert [(page.name, opened(page).size) for page in pages] == [("own.png", (8, 8)), ("rest.png", (32, 64))]
    assert sorted(each.name for each in (out / "sheet" / "rest").iterdir()) == ["b.tres", "c.tres"]


def test_colours_are_learned_from_the_pictures_of_one_style(tmp_path: Path) -> None:
    results = Results(tmp_path / "results")
    places = [replace(made(results, "a", RED), style="few"), made(results, "b", BLUE)]
    finishes = Finishes(usual=Finish(), own={"few": Finish(colours=2)})
    learned = settle(finishes, places, results)
    assert (learned.usual, learned.own["few"].palette) == (Finish(), ("#c81e1e",))
    assert as_learned(finishes, learned) == learned, "what is made anew has the same"


def test_a_contact_sheet_shows_every_place_with_its_state(tmp_path: Path) -> None:
    results, out = Results(tmp_path / "results"), tmp_path / "out"
    places = [
        made(results, "red", RED, state="approved"),
        made(results, "blue", BLUE, state="rejected"),
        Shown(name="later", state="queued"),
    ]
    done = put_shown(places, out, results, finishes=Finishes())
    sheet = opened(put_contact(places, out, done.files)).convert("RGB")
    assert sheet.size[1] > 2 * (SIDE + LABEL)
    middle = [sheet.getpixel((12 + SIDE // 2 + number * (SIDE + 12), 12 + SIDE // 2)) for number in range(2)]
    assert middle == [(200, 30, 30), (30, 30, 200)]
    corners = [sheet.getpixel((12 + number * (SIDE + 12), 12)) for number in range(2)]
    assert corners == [(80, 200, 120), (225, 90, 90)], "green around what is approved, red around what is not"
    with pytest.raises(JobError, match="The picture of x cannot be read"):
        contact_sheet([Tile(name="x", state="open", picture=RED[:40])])


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    results, out = Results(tmp_path / "results"), tmp_path / "out"
    small, large = made(results, "small", RED), made(results, "large", noise(64))
    put_shown([small], out, results, finishes=Finishes())
    with full_disk(4000), pytest.raises(FolderError, match=r"large\.png cannot be written"):
        put_shown([small, large], out, results, finishes=Finishes())
    assert sorted(each.name for each in out.iterdir()) == ["provenance", "small.png"]
    assert (out / "small.png").read_bytes() == RED


def test_a_result_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    results = Results(tmp_path / "results")
    place = made(results, "a", RED)
    assert place.job is not None
    results.path(place.job, "image.png").unlink()
    with pytest.raises(JobError, match="cannot be read: No such file"):
        put_shown([place], tmp_path / "out", results, finishes=Finishes())
