"""`tenku make image`: the real command with a tiny Qwen-Image of random weights; what it draws is noise."""

import io
import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from studio_assets import PATIENCE_S, Desk, at_work, install_folder, until, worker
from studio_house import House
from studio_tiny import Tiny, image_model, tiny_image
from studio_tiny_audio import sound_model, tiny_sound
from studio_tiny_wan import TinyWan, tiny_wan, wan_model
from tenku.studio.media.readback import read_back
from tenku.studio.provenance.signer import read_claim

__all__ = ["tiny_image", "tiny_sound", "tiny_wan"]

STYLE = """
about = "Noise of 16 pixels."
[prompt]
before = "pixel art of"
[picture]
size = "64x64"
steps = 2
[finish]
pixels = 16
colours = 6
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, tiny_image: Tiny, tiny_wan: TinyWan, tiny_sound: Tiny) -> House:
    """One house for all of these tests, with a model for each kind, and one whose licence nobody accepted."""
    house = House(tmp_path_factory.mktemp("house"))
    folder = tiny_image("qwenimage")
    install_folder(house, replace(image_model(folder), name="tiny-image"), folder)
    install_folder(house, replace(image_model(folder), name="gated", accepted=False, licence="Gated"), folder)
    wan, sound = tiny_wan("t2v"), tiny_sound("stable-audio")
    install_folder(house, replace(wan_model(wan), name="tiny-wan"), wan)
    install_folder(house, sound_model(sound, name="tiny-sound"), sound)
    (house.folder / "styles").mkdir()
    (house.folder / "styles" / "tiny.toml").write_text(STYLE, encoding="utf-8")
    return house


@pytest.fixture(scope="module")
def working(house: House) -> Iterator[subprocess.Popen[bytes]]:
    """One worker for all of these tests: its libraries are loaded once."""
    with worker(house) as process:
        yield process


@pytest.fixture
def desk(house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(house, monkeypatch, capsys)


def opened(path: Path) -> Image.Image:
    return Image.open(io.BytesIO(path.read_bytes()))


def test_a_style_becomes_pictures_a_sheet_and_import_files_and_a_set_to_judge(
    house: House,
    desk: Desk,
    working: object,  # noqa: ARG001
) -> None:
    command = ("make", "image", "potion icon", "--model", "tiny-image", "--style", "tiny", "--sheet", "2x1", "--godot")
    told = desk.json(*command)
    out = house.folder / "potion-icon"
    assert (told["made"], told["set"], told["not_finished"]) == (2, "potion-icon", {})
    assert told["files"] == {"potion-icon-0001": "potion-icon-0001.png", "potion-icon-0002": "potion-icon-0002.png"}
    first, second = (opened(out / name).convert("RGBA") for name in told["files"].values())
    assert (first.size, first.tobytes() != second.tobytes()) == ((16, 16), True)
    colours = {colour for each in (first, second) for _, colour in each.getcolors() or []}
    assert len(colours) <= 6, "the set has one palette"
    sheet = opened(out / "sheet" / "potion-icon.png").convert("RGBA")
    assert sheet.size == (32, 16)
    assert sheet.crop((16, 0, 32, 16)).tobytes() == second.tobytes()
    texture = (out / "sheet" / "potion-icon" / "potion-icon-0002.tres").read_text()
    assert "region = Rect2(16, 0, 16, 16)" in texture
    assert opened(out / "contact.png").width > 300
    provenance = json.loads((out / "provenance" / "potion-icon-0001.json").read_text())
    assert (provenance["prompt"], provenance["seed"]) == ("pixel art of potion icon", 0)
    assert provenance["finish"]["pixels"] == 16
    said = read_claim((out / "potion-icon-0001.png").read_bytes(), "image/png")
    assert said is not None
    assert said["valid"]
    assert "made pixel art of 16 pixels" in json.dumps(said), "what was done to it is in the file"
    before = {path: path.read_bytes() for path in out.rglob("*.png")}
    again = desk.json(*command)
    assert (again["reused"], again["work_seconds"]) == (2, 0.0)
    assert {path: path.read_bytes() for path in out.rglob("*.png")} == before
    assert [len(place["takes"]) for place in desk.json("sets", "show", "potion-icon")["places"]] == [1, 1]


def test_what_is_rejected_is_made_again_in_its_place_and_what_is_approved_is_published(
    house: House,
    desk: Desk,
    working: object,  # noqa: ARG001
) -> None:
    out = house.folder / "potion-icon"
    desk.json("sets", "approve", "potion-icon", "potion-icon-0001")
    found = desk.json("sets", "reject", "potion-icon", "1")
    assert [place["verdict"] for place in found["places"]] == ["approved", "rejected"]
    before = {name: (out / f"potion-icon-000{name}.png").read_bytes() for name in (1, 2)}
    said, _ = desk.run("sets", "remake", "potion-icon")
    assert "Made 1 of 1 take in the set potion-icon." in said
    found = desk.json("sets", "show", "potion-icon")
    assert [(place["verdict"], len(place["takes"])) for place in found["places"]] == [("approved", 1), ("open", 2)]
    assert (out / "potion-icon-0001.png").read_bytes() == before[1]
    assert (out / "potion-icon-0002.png").read_bytes() != before[2], "the new take has the place"
    sheet = opened(out / "sheet" / "potion-icon.png").convert("RGBA")
    new = opened(out / "potion-icon-0002.png").convert("RGBA")
    assert sheet.crop((16, 0, 32, 16)).tobytes() == new.tobytes(), "and its cell in the sheet that the game loads"
    desk.run("sets", "approve", "potion-icon", "1", "--take", "1")
    old = opened(out / "sheet" / "potion-icon.png").convert("RGBA").crop((16, 0, 32, 16))
    assert old.tobytes() == opened(out / "potion-icon-0002.png").convert("RGBA").tobytes() != new.tobytes()
    desk.run("sets", "reopen", "potion-icon", "1")
    desk.run("sets", "export", "potion-icon", "--out", "final", "--sheet", "2x1", "--unity")
    final = house.folder / "final"
    assert [path.name for path in final.glob("potion*.png")] == ["potion-icon-0001.png"]
    assert opened(final / "sheet" / "potion-icon.png").size == (32, 16), "who is not approved has an empty cell"
    assert (final / "sheet" / "potion-icon.png.meta").is_file()
    desk.run("sets", "export", "potion-icon", "--out", "usual")
    usual = house.folder / "usual" / "sheet"
    assert (usual / "potion-icon" / "potion-icon-0001.tres").is_file(), "the sheet that it was made with"
    assert not (usual / "potion-icon.png.meta").exists()
    desk.run("keys", "new", "art", "--no-password")
    (house.folder / "store").mkdir()
    sent = desk.json("sets", "publish", "potion-icon", "supergame:art", "--store", "store", "--key", "art.key")
    assert sent["channel"] == "supergame:art"
    desk.refused("sets", "export", "gone", part="There is no set gone", code=1)


def test_what_cannot_be_made_is_one_sentence_before_anything_is_made(house: House, desk: Desk) -> None:
    (house.folder / "bad.toml").write_text("[finish]\ncolors = 3\n", encoding="utf-8")
    (house.folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with house.jobs() as jobs:
        before = len(jobs.list(limit=1000))
    make = ("make", "image", "x", "--model", "tiny-image")
    refuse = desk.refused
    refuse(*make, "--style", "bad.toml", part="[finish] has no key 'colors'. It has background", code=2)
    refuse(*make, "--style", "gone", part="There is no style gone", code=2)
    refuse(*make, "--sheet", "4x4", "--count", "12", part="A sheet of 4x4 has 16 places, and --count says 12", code=2)
    refuse(*make, "--sheet", "4", part="'4' is no grid", code=2)
    refuse(*make, "--reference", "broken.png", part="--reference: broken.png cannot be read", code=2)
    refuse(*make, "--from", "gone.png", part="--from: gone.png cannot be read: No such file", code=2)
    refuse(*make, "--size", "65x64", part="width is '65'", code=1)
    refuse(*make, "--task", "edit", part="The task edit needs a picture to begin with", code=1)
    refuse("make", "image", " ", part="The prompt is empty", code=2)
    refuse("make", "image", "x", part="Several models that make image are installed: gated, tiny-image", code=2)
    refuse("make", "image", "x", "--model", "gated", part="The licence of gated, Gated, has not been accepted", code=1)
    refuse("make", "video", "x", "--model", "tiny-image", part="tiny-image makes image, not video", code=1)
    refuse(*make, "--out", "elsewhere", "--set", "potion-icon", part="There is a set potion-icon already", code=2)
    refuse("sets", "approve", "potion-icon", "99", part="potion-icon has no place '99'", code=2)
    refuse("sets", "vary", "potion-icon", "0", "--near", "2", part="--near: '2' cannot be used", code=2)
    with house.jobs() as jobs:
        assert len(jobs.list(limit=1000)) == before
    assert not (house.folder / "x").exists()


def test_a_batch_has_rows_of_several_kinds_and_a_missing_file_fails_its_row_alone(
    house: House,
    desk: Desk,
    working: object,  # noqa: ARG001
) -> None:
    Image.new("RGB", (64, 64), "white").save(house.folder / "begin.png")
    rows = [
        "kind,prompt,name,size,from,strength,steps,model,style,sheet",
        "image,an axe,axe,64x64,begin.png,0.5,2,tiny-image,,",
        "image,a bow,bow,64x64,gone.png,0.5,2,tiny-image,,",
        "smell,a dragon,dragon,,,,,,,",
        "image,a spear,spear,64x64,,,2,tiny-image,,",
        "image,grass,grass,,,,,tiny-image,tiny,2x1",
    ]
    (house.folder / "assets.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    told = desk.json("make", "batch", "assets.csv", code=1)
    files = [f"{name}.png" for name in ("axe", "spear", "grass-0001", "grass-0002")]
    assert (told["made"], list(told["files"].values())) == (4, files)
    assert {row["name"] for row in told["bad_rows"]} == {"line 3 bow", "line 4 dragon"}
    out = house.folder / "assets"
    places = desk.json("sets", "show", "assets")["places"]
    assert [place["style"] for place in places] == ["", "", "tiny", "tiny"]
    assert [opened(out / name).size for name in files] == [(64, 64)] * 2 + [(16, 16)] * 2
    before = opened(out / "sheet" / "grass.png").convert("RGBA")
    assert (before.size, len(before.getcolors() or [])) == ((32, 16), 6), "one palette for the pictures of one style"
    desk.run("sets", "reject", "assets", "grass-0002")
    desk.run("sets", "remake", "assets")
    after = opened(out / "sheet" / "grass.png").convert("RGBA")
    assert after.crop((0, 0, 16, 16)).tobytes() == before.crop((0, 0, 16, 16)).tobytes()
    assert after.crop((16, 0, 32, 16)).tobytes() == opened(out / "grass-0002.png").convert("RGBA").tobytes()
    assert after.tobytes() != before.tobytes()


def test_a_video_and_its_sound_are_made_and_told_of(house: House, desk: Desk, working: object) -> None:  # noqa: ARG001
    small = ("--size", "64x64", "--steps", "1", "--seconds", "0.3", "--count", "2", "--sound", "wind")
    told = desk.json("make", "video", "a dragon", "--model", "tiny-wan", *small)
    assert (told["made"], told["set"]) == (2, "a-dragon")
    facts = read_back((house.folder / "a-dragon" / "a-dragon-0001.mp4").read_bytes())
    assert facts.sound is not None, "the sound model made its track"
    assert opened(house.folder / "a-dragon" / "contact.png").width > 300
    told = desk.json("make", "sound", "a door", "--seconds", "0.5", "--steps", "2", "--format", "flac")
    assert told["files"] == {"a-door": "a-door.flac"}
    assert "set" not in told


def test_kill_9_of_everything_loses_no_place_and_no_take(
    house: House, desk: Desk, working: subprocess.Popen[bytes]
) -> None:
    command = (
        "make",
        "image",
        "a shield",
        "--model",
        "tiny-image",
        "--style",
        "tiny",
        "--count",
        "4",
        "--out",
        "shields",
    )
    process = house.start(*command)
    with house.jobs() as jobs:
        until(lambda: len([job for job in jobs.list() if job.state.ended and "shield" in job.spec.prompt]) >= 1)
        for each in (process, working):
            each.send_signal(signal.SIGKILL)
            each.wait(timeout=PATIENCE_S)
        process.communicate()
        until(lambda: not at_work(house))
    takes = [place["takes"] for place in desk.json("sets", "show", "shields")["places"]]
    assert [len(each) for each in takes] == [1] * 4
    desk.json("sets", "reject", "shields", "0")
    done = desk.json(*command)
    assert done["made"] == 4
    found = desk.json("sets", "show", "shields")["places"]
    assert [[take["job"] for take in place["takes"]] for place in found] == [
        [take["job"] for take in each] for each in takes
    ]
    assert [place["verdict"] for place in found] == ["rejected", *["open"] * 3]
    assert len(list((house.folder / "shields").glob("a-shield-*.png"))) == 4
