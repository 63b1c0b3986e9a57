"""`tenku sprites`: what it writes, what it says, and what bad input gets."""

import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio_art import drawn, on, png, potion, ring, sword
from tenku.cli.main import main
from tenku.studio.sprites.pixels import Pixels, decode


@pytest.fixture
def art(tmp_path: Path) -> Path:
    """A folder of pictures as a studio has it."""
    folder = tmp_path / "art"
    (folder / "hero").mkdir(parents=True)
    (folder / ".thumbs").mkdir()
    for what in (potion, sword, ring):
        (folder / f"{what.__name__}.png").write_bytes(png(drawn(what)))
    for number in (1, 2, 10):
        (folder / "hero" / f"walk_{number}.png").write_bytes(png(np.roll(drawn(sword, size=48), number, axis=0)))
    (folder / "notes.txt").write_text("no picture")
    (folder / ".thumbs" / "x.png").write_bytes(b"no picture")
    return folder


def read(path: Path) -> Pixels:
    return decode(path.read_bytes(), where=str(path))


def said(capsys: pytest.CaptureFixture[str]) -> str:
    out = capsys.readouterr()
    return out.out + out.err


def test_a_folder_becomes_an_atlas_with_files_for_every_engine(
    art: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "game" / "atlas.png"
    flags = ["--godot", "--unity", "--animation", "walk=hero/walk_*@12", "--animation", "die=hero/*@5,once"]
    assert main(["sprites", "pack", str(art), "--out", str(out), *flags]) == 0
    assert "Packed 6 sprites, 2 animations: atlas.png" in said(capsys)
    whole = json.loads(out.with_suffix(".json").read_text())
    assert list(whole["frames"]) == ["hero/walk_1", "hero/walk_2", "hero/walk_10", "potion", "ring", "sword"]
    assert whole["animations"]["walk"] == ["hero/walk_1", "hero/walk_2", "hero/walk_10"]
    assert whole["meta"]["timing"]["die"]["loop"] is False
    for name in ("atlas.png.meta", "atlas.png.import", "atlas.frames.tres", "atlas/hero/walk_10.tres"):
        assert (out.parent / name).is_file()
    place = whole["frames"]["potion"]["frame"]
    there = read(out)[place["y"] : place["y"] + place["h"], place["x"] : place["x"] + place["w"]]
    assert there[..., 3].sum() == drawn(potion)[..., 3].sum()


def test_a_sheet_in_its_own_folder_is_no_sprite_of_itself(art: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main(["sprites", "pack", str(art), "--out", str(art / "all.png"), "--json"]) == 0
        assert json.loads(said(capsys))["sprites"] == 6


def test_a_grid_has_the_cells_that_were_asked_for(art: Path, tmp_path: Path) -> None:
    out = tmp_path / "icons.png"
    files = [str(art / f"{what.__name__}.png") for what in (potion, sword, ring)]
    assert main(["sprites", "pack", *files, "--out", str(out), "--grid", "4x4"]) == 0
    assert read(out).shape == (256, 256, 4)
    assert np.array_equal(read(out)[:64, 64:128], drawn(sword))


def test_an_animated_file_becomes_an_animation_with_its_own_times(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = [Image.fromarray(np.roll(drawn(ring, size=32), 4 * number, axis=1)) for number in range(3)]
    for ending in ("webp", "png", "gif"):
        file = tmp_path / f"spin.{ending}"
        more = {"lossless": True} if ending == "webp" else {"disposal": 2} if ending == "gif" else {}
        frames[0].save(file, save_all=True, append_images=frames[1:], duration=[80, 80, 240], loop=0, **more)
        assert main(["sprites", "pack", str(file), "--out", str(tmp_path / ending / "a.png")]) == 0
        whole = json.loads((tmp_path / ending / "a.json").read_text())
        assert whole["animations"] == {"spin": ["spin_0", "spin_1", "spin_2"]}
        assert whole["meta"]["timing"]["spin"]["seconds"] == [0.08, 0.08, 0.24]
    assert "1 animation" in said(capsys)


def test_the_frames_of_a_video_become_an_animation(tmp_path: Path) -> None:
    from tenku.studio.media.writevideo import write_video

    frames = np.stack([on(np.roll(drawn(ring), 6 * number, axis=1), (0, 0, 255))[..., :3] for number in range(5)])
    (tmp_path / "spin.mp4").write_bytes(write_video(frames, fps=10))
    assert main(["sprites", "pack", str(tmp_path / "spin.mp4"), "--out", str(tmp_path / "a.png"), "--grid", "5x1"]) == 0
    whole = json.loads((tmp_path / "a.json").read_text())
    assert whole["meta"]["timing"]["spin"]["seconds"] == [0.1] * 5
    assert read(tmp_path / "a.png").shape == (64, 320, 4)


def test_pictures_become_pixel_art_of_a_palette_and_pass_its_check(art: Path, tmp_path: Path) -> None:
    (tmp_path / "p.hex").write_text("2b1d3a\nc22f5d\nf7b5c6\nb98a53\n3b2a1a\naebfca\n1f2a33\n8a5a1c\nd9a520\n")
    palette = ["--palette", str(tmp_path / "p.hex")]
    out = tmp_path / "pixels"
    assert main(["sprites", "quantise", str(art / "potion.png"), "--pixel", "16", "--out", str(out), *palette]) == 0
    assert main(["sprites", "check", str(out), "--size", "16x16", *palette]) == 0
    assert main(["sprites", "check", str(art / "potion.png"), "--size", "16x16", *palette]) == 1
    packed = tmp_path / "a.png"
    assert main(["sprites", "pack", str(art), "--out", str(packed), "--pixel", "16", *palette, "--unity"]) == 0
    assert "filterMode: 0" in (tmp_path / "a.png.meta").read_text()


def test_a_check_fails_with_numbers_and_a_place(art: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = on(drawn(potion), (255, 255, 255))
    bad[..., 3] = drawn(potion)[..., 3]
    (art / "bad.png").write_bytes(png(bad))
    (art / "broken.png").write_bytes(png(bad)[:200])
    assert main(["sprites", "check", str(art)]) == 1
    text = said(capsys)
    assert "bad.png: fringe:" in text
    assert "limit 0.04, at x " in text
    assert "broken.png: readable:" in text
    assert "6 of 8 pictures passed." in text
    assert main(["sprites", "check", str(art), "--json"]) == 1
    assert json.loads(said(capsys))["passed"] is False
    assert main(["sprites", "check", str(art / "hero"), "--loop", "--border-ok"]) in (0, 1)
    assert main(["sprites", "check", str(art / "potion.png"), "--tile"]) == 0


def test_an_animated_file_that_would_fill_the_memory_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Some kilobytes a picture, a quarter of a gigabyte in memory."""
    first, *others = (Image.new("P", (8192, 8192), number) for number in range(5))
    first.save(tmp_path / "big.gif", save_all=True, append_images=others, duration=100)
    assert (tmp_path / "big.gif").stat().st_size < 2_000_000
    assert main(["sprites", "pack", str(tmp_path / "big.gif"), "--out", str(tmp_path / "a.png")]) == 2
    assert "big.gif has more than 4 pictures of its size" in said(capsys)


def test_backgrounds_are_cut_out_and_what_has_none_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "flat"
    folder.mkdir()
    (folder / "potion.png").write_bytes(png(on(drawn(potion), (255, 255, 255))))
    noise = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    assert main(["sprites", "cut", str(folder), "--out", str(tmp_path / "cut")]) == 1
    assert "noise.png has no plain background" in said(capsys)
    assert [path.name for path in (tmp_path / "cut").iterdir()] == ["potion.png"]
    assert main(["sprites", "check", str(tmp_path / "cut")]) == 0


def bomb(width: int, height: int) -> bytes:
    """A PNG whose head says that it is large; its pixels are not there."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


BAD = {
    "truncated": (png(drawn(ring))[:300], "no picture that can be read"),
    "mislabelled": (b"MZ\x90 this is a program", "no picture that can be read"),
    "empty": (b"", "no picture that can be read"),
    "head alone": (bomb(64, 64), "no picture that can be read"),
    "bomb": (bomb(60_000, 60_000), "more pixels than|60000x60000"),
    "large": (bomb(9000, 8000), "9000x8000"),
    "no width": (bomb(0, 8), "no picture that can be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_picture_is_refused_and_nothing_is_written(
    name: str, art: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, says = BAD[name]
    (art / "x.png").write_bytes(data)
    out = tmp_path / "out"
    assert main(["sprites", "pack", str(art), "--out", str(out / "a.png")]) == 2
    text = said(capsys)
    assert "x.png" in text
    assert any(each in text for each in says.split("|")), text
    assert not out.exists()


WRONG = {
    "no picture": (["pack", "{empty}", "--out", "{out}/a.png"], "There are no pictures there."),
    "no file": (["pack", "{art}/nope.png", "--out", "{out}/a.png"], "nope.png cannot be read: No such file"),
    "no such kind": (["pack", "{art}/notes.txt", "--out", "{out}/a.png"], "notes.txt is no picture that is known"),
    "too large": (["pack", "{art}", "--out", "{out}/a.png", "--size", "40"], "more than a page of 40x40"),
    "same name": (["pack", "{art}", "{art}", "--out", "{out}/a.png"], "Two sprites are called hero/walk_1"),
    "ending": (["pack", "{art}", "--out", "{out}/a.jpg"], "no ending of a sheet"),
    "animation": (["pack", "{art}", "--out", "{out}/a.png", "--animation", "x=y_*@8"], "No picture is called y_*"),
    "rate": (["pack", "{art}", "--out", "{out}/a.png", "--animation", "x=*@0"], "Write NAME=PATTERN@FPS"),
    "pivot": (["pack", "{art}", "--out", "{out}/a.png", "--pivot", "1"], "Write two numbers"),
    "two Godots": (["pack", "{art}", "--out", "{out}/a.png", "--godot", "--godot3"], "Take one of them"),
    "palette alone": (["pack", "{art}", "--out", "{out}/a.png", "--palette", "x.gpl"], "--palette needs --pixel"),
    "palette": (["quantise", "{art}", "--out", "{out}", "--palette", "{art}/notes.gpl"], "notes.gpl cannot be read"),
    "both": (["quantise", "{art}", "--palette", "x", "--colours", "4"], "exclude each other"),
    "size": (["check", "{art}", "--size", "big"], "'big' is no size"),
    "tolerance": (["cut", "{art}", "--tolerance", "nan"], "--tolerance: 'nan' cannot be used"),
    "unwritable": (["pack", "{art}", "--out", "{art}/notes.txt/a.png"], "notes.txt cannot be written"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_makes_no_sense_is_one_sentence(
    name: str, art: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, says = WRONG[name]
    (tmp_path / "empty").mkdir()
    folders = {"art": art, "out": tmp_path / "out", "empty": tmp_path / "empty"}
    code = main(["sprites", *(each.format(**folders) for each in arguments)])
    text = said(capsys)
    assert code in (1, 2)
    assert says in text
    assert text.startswith("tenku: ")
    assert text.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [["--help"], ["pack", "--help"], ["check", "--help"]])
def test_help_loads_no_picture_library(arguments: list[str]) -> None:
    program = (
        "import sys, contextlib, io\n"
        "from tenku.cli.main import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "    main(['sprites', *sys.argv[1:]])\n"
        "print({'numpy', 'PIL', 'av', 'torch'} & {name.partition('.')[0] for name in sys.modules})\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, check=True, text=True)
    assert done.stdout == "set()\n"


def test_a_full_disk_leaves_the_old_sheet(art: Path, tmp_path: Path) -> None:
    """A file system of 200 kB, in which the new sheet has no room."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small file system")
    try:
        assert main(["sprites", "pack", str(art / "ring.png"), "--out", str(small / "a.png")]) == 0
        before = {path.name: path.read_bytes() for path in small.iterdir()}
        noise = np.random.default_rng(1).integers(0, 256, (256, 256, 4), dtype=np.uint8)
        Image.fromarray(noise).save(art / "noise.png")
        assert main(["sprites", "pack", str(art), "--out", str(small / "a.png"), "--unity"]) == 1
        assert {path.name: path.read_bytes() for path in small.iterdir()} == before
    finally:
        subprocess.run(["umount", str(small)], check=True)
