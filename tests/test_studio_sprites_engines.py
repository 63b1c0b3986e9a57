"""Import files are what engines read: a real Godot 3 loads them, and Godot 4's, Unity's and JSON's rules hold."""

import dataclasses
import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio_art import drawn, png, potion, ring, sword
from studio_godot3 import import_and_load, need_godot
from studio_godot4 import load_all
from studio_tres import read_tres
from tenku.base.errors import UsageError
from tenku.studio.sprites.atlas import Animation, Atlas, Frame, Point
from tenku.studio.sprites.grid import Grid
from tenku.studio.sprites.pixels import Pixels
from tenku.studio.sprites.sheet import Packing, Sheet, Sprite, make_sheet
from tenku.studio.sprites.unity import sprite_id
from tenku.studio.sprites.write import Engine, put_sheet, write_sheet

YAML: Any = importlib.import_module("yaml")
PICTURES = {"potion": drawn(potion), "items/ring": drawn(ring), "Schwert ü": drawn(sword, size=48)}
WALK = [np.roll(drawn(sword, size=40), 3 * number, axis=1) for number in range(4)]


FIXED_BELOW = 20
"""Alpha below which Godot's import changes colours (`process/fix_alpha_border`)."""


def sheet(*, size: int = 2048) -> Sheet:
    """Three sprites and two animations; with a small page on several pages."""
    sprites = [Sprite(name=name, pixels=pixels, pivot=Point(0.5, 1)) for name, pixels in PICTURES.items()]
    sprites += [Sprite(name=f"walk_{number}", pixels=pixels) for number, pixels in enumerate(WALK)]
    names = [f"walk_{number}" for number in range(4)]
    animations = [
        Animation(name="walk", frames=names, seconds=[1 / 12] * 4),
        Animation(name="fall", frames=names[:3], seconds=[0.1, 0.1, 0.3], loop=False),
    ]
    return make_sheet("atlas", sprites, layout=Packing(size=size), animations=animations, pixel_art=True)


def check_texture(frame: Frame, atlas: Atlas, *, region: Any, margin: Any) -> None:
    """Region and margin together are the sprite as it was before it was trimmed."""
    rect = frame.rect
    assert tuple(region) == (rect.x, rect.y, rect.width, rect.height)
    if frame.trimmed:
        left, top, wider, higher = margin
        assert (left, top) == frame.offset
        assert (rect.width + wider, rect.height + higher) == frame.source
    width, height = atlas.pages[frame.page].size
    assert rect.right <= width
    assert rect.bottom <= height


@pytest.mark.parametrize("size", [2048, 60])
def test_a_real_godot_3_imports_and_loads_everything(size: int, tmp_path: Path) -> None:
    """The editor takes our import settings, and every texture has its size, its region and its very pixels."""
    need_godot()
    project = tmp_path / "project"
    made = sheet(size=size)
    written = put_sheet(made, folder=project / "art" / "icons", engines=[Engine.GODOT3])
    assert (len(written.atlas.pages) > 1) is (size == 60)
    found = import_and_load(project, home=tmp_path / "home")
    assert len(found["textures"]) == len(made.atlas.frames)
    for frame in made.atlas.frames:
        seen = found["textures"][f"res://art/icons/atlas/{frame.name}.tres"]
        assert seen["class"] == "AtlasTexture"
        assert seen["page"] == f"res://art/icons/{made.atlas.pages[frame.page].file}"
        assert tuple(seen["size"]) == frame.source
        assert seen["smooth"] is False
        check_texture(frame, made.atlas, region=seen["region"], margin=seen["margin"])
        check_pixels(project / seen["file"].removeprefix("res://"), made, frame)
    regions = {frame.name: [*dataclasses.astuple(frame.rect)] for frame in made.atlas.frames}
    walk, fall = found["animations"]["walk"], found["animations"]["fall"]
    assert walk["speed"] == pytest.approx(12)
    assert walk["loop"] is True
    assert walk["regions"] == [regions[f"walk_{number}"] for number in range(4)]
    assert (fall["speed"], fall["loop"]) == (10, False)
    assert fall["regions"] == [regions[f"walk_{number}"] for number in (0, 1, 2, 2, 2)]


@pytest.mark.timeout(300)  # the engine is fetched the first time, and compiled every time
def test_a_real_godot_4_loads_everything(tmp_path: Path) -> None:
    """Every texture has its size, its region and its very pixels, from several pages; animations have their times."""
    made = sheet(size=60)
    put_sheet(made, folder=tmp_path, engines=[Engine.GODOT])
    found = load_all(tmp_path)
    assert found["version"] == 4
    assert len(found["textures"]) == len(made.atlas.frames)
    for frame in made.atlas.frames:
        seen = found["textures"][f"res://art/atlas/{frame.name}.tres"]
        assert seen["class"] == "AtlasTexture"
        assert seen["page"] == f"res://art/{made.atlas.pages[frame.page].file}"
        assert tuple(seen["size"]) == frame.source
        check_texture(frame, made.atlas, region=seen["region"], margin=seen["margin"])
        rect = frame.rect
        ours = made.pages[frame.page][rect.y : rect.bottom, rect.x : rect.right]
        assert np.array_equal(np.asarray(seen["image"].convert("RGBA")), ours)
    regions = {frame.name: [*dataclasses.astuple(frame.rect)] for frame in made.atlas.frames}
    walk, fall = found["animations"]["walk"], found["animations"]["fall"]
    assert (walk["speed"], walk["loop"]) == (pytest.approx(12), True)
    assert walk["regions"] == [regions[f"walk_{number}"] for number in range(4)]
    assert fall["regions"] == [regions[f"walk_{number}"] for number in range(3)]
    assert (fall["durations"], fall["speed"], fall["loop"]) == (pytest.approx([1, 1, 3]), 10, False)


def check_pixels(file: Path, made: Sheet, frame: Frame) -> None:
    """What the engine has of a sprite; beneath what is nearly transparent it puts colours of its own."""
    seen: Pixels = np.asarray(Image.open(file).convert("RGBA"))
    rect = frame.rect
    ours = made.pages[frame.page][rect.y : rect.bottom, rect.x : rect.right]
    assert np.array_equal(seen[..., 3], ours[..., 3])
    clear = ours[..., 3] >= FIXED_BELOW
    assert np.array_equal(seen[clear], ours[clear])


@pytest.mark.parametrize("engine", [Engine.GODOT, Engine.GODOT3])
@pytest.mark.parametrize("size", [2048, 60])
def test_godots_text_resources_keep_their_grammar(engine: Engine, size: int, tmp_path: Path) -> None:
    """Both formats; every reference resolves, every count is right, every region lies on its page."""
    made = sheet(size=size)
    put_sheet(made, folder=tmp_path, engines=[engine])
    for frame in made.atlas.frames:
        resource = read_tres(tmp_path / "atlas" / f"{frame.name}.tres")
        assert (resource.kind, resource.format) == ("AtlasTexture", 3 if engine is Engine.GODOT else 2)
        texture = resource.textures[0]
        assert texture.page.name == made.atlas.pages[frame.page].file
        check_texture(frame, made.atlas, region=texture.region, margin=texture.margin)
    frames = read_tres(tmp_path / "atlas.frames.tres")
    animations = {each["name"]: each for each in frames.properties["animations"]}
    assert animations["walk"]["loop"] is True
    if engine is Engine.GODOT3:
        assert [each.name for each in animations["fall"]["frames"]] == ["SubResource"] * 5
        return
    fall = animations["fall"]
    lasting = [each["duration"] / fall["speed"] for each in fall["frames"]]
    assert lasting == pytest.approx([0.1, 0.1, 0.3])
    for each in fall["frames"]:
        assert each["texture"].arguments[0] in frames.textures
    assert "compress/mode=0\nmipmaps/generate=false" in (tmp_path / "atlas.png.import").read_text()


def test_two_versions_of_godot_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="different files of the same names"):
        put_sheet(sheet(), folder=tmp_path, engines=[Engine.GODOT, Engine.GODOT3])
    assert list(tmp_path.iterdir()) == []


def meta(path: Path) -> Any:
    """Unity writes YAML 1.1."""
    return YAML.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("size", [2048, 60])
def test_unitys_meta_has_every_sprite_once_and_inside_its_page(size: int, tmp_path: Path) -> None:
    made = sheet(size=size)
    put_sheet(made, folder=tmp_path, engines=[Engine.UNITY], pixels_per_unit=16)
    guids, numbers = set(), set()
    for number, page in enumerate(made.atlas.pages):
        whole = meta(tmp_path / f"{page.file}.meta")
        guids.add(whole["guid"])
        importer = whole["TextureImporter"]
        assert (importer["spriteMode"], importer["textureType"], importer["spritePixelsToUnits"]) == (2, 8, 16)
        assert importer["textureSettings"]["filterMode"] == 0
        assert importer["maxTextureSize"] >= max(page.size)
        sprites = {each["name"]: each for each in importer["spriteSheet"]["sprites"]}
        frames = made.atlas.on(number)
        assert sprites.keys() == {frame.name for frame in frames}
        table = {each["second"]: each["first"][213] for each in importer["internalIDToNameTable"]}
        assert table == importer["spriteSheet"]["nameFileIdTable"]
        assert table == {name: each["internalID"] for name, each in sprites.items()}
        numbers |= set(table.values())
        for frame in frames:
            check_unity_sprite(sprites[frame.name], frame, page.size)
    assert len(guids) == len(made.atlas.pages)
    assert len(numbers) == len(made.atlas.frames)


def check_unity_sprite(sprite: Any, frame: Frame, size: tuple[int, int]) -> None:
    """Its rectangle counted from below, and its pivot on the same pixel as before."""
    rect = sprite["rect"]
    assert (rect["x"], rect["width"], rect["height"]) == (frame.rect.x, frame.rect.width, frame.rect.height)
    assert size[1] - rect["y"] - rect["height"] == frame.rect.y
    assert rect["y"] >= 0
    assert 0 < sprite["internalID"] < 1 << 63
    assert len(sprite["spriteID"]) == 32
    assert sprite["alignment"] == 9
    x = frame.offset[0] + sprite["pivot"]["x"] * rect["width"]
    y = frame.offset[1] + (1 - sprite["pivot"]["y"]) * rect["height"]
    assert x == pytest.approx(frame.pivot.x * frame.source[0], abs=1e-4)
    assert y == pytest.approx(frame.pivot.y * frame.source[1], abs=1e-4)


def test_packing_again_breaks_no_reference_of_a_unity_scene(tmp_path: Path) -> None:
    """The guid stays, also one that Unity gave; and so does the number of each sprite."""
    pieces = [(name, png(pixels)) for name, pixels in PICTURES.items()]
    for count in (2, 3):
        write_sheet(pieces[:count], out=tmp_path / "a.png", layout=Packing(), engines=[Engine.UNITY])
        whole = meta(tmp_path / "a.png.meta")
        number = whole["TextureImporter"]["spriteSheet"]["nameFileIdTable"]["potion"]
        assert number == sprite_id(whole["guid"], "potion")
        if count == 2:
            text = (tmp_path / "a.png.meta").read_text()
            (tmp_path / "a.png.meta").write_text(text.replace(whole["guid"], "0123456789abcdef" * 2))
        else:
            assert whole["guid"] == "0123456789abcdef" * 2


def test_names_that_yaml_would_take_for_something_else_stay_names(tmp_path: Path) -> None:
    names = ["1", "yes", "null", "1e3", "12-30"]
    pieces = [(name, png(drawn(ring, size=16 + number))) for number, name in enumerate(names)]
    write_sheet(pieces, out=tmp_path / "a.png", layout=Grid(3, 2), engines=[Engine.UNITY])
    importer = meta(tmp_path / "a.png.meta")["TextureImporter"]
    assert list(importer["spriteSheet"]["nameFileIdTable"]) == names


def test_no_pixels_per_unit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pixels per unit"):
        put_sheet(sheet(), folder=tmp_path, engines=[Engine.UNITY], pixels_per_unit=0)


@pytest.mark.parametrize("size", [2048, 60])
def test_the_json_is_what_loaders_of_texturepacker_read(size: int, tmp_path: Path) -> None:
    made = sheet(size=size)
    put_sheet(made, folder=tmp_path)
    seen: dict[str, Any] = {}
    for page in made.atlas.pages:
        name = page.file.replace(".png", ".json")
        whole = json.loads((tmp_path / name).read_text())
        assert whole["meta"]["image"] == page.file
        assert (whole["meta"]["size"]["w"], whole["meta"]["size"]["h"]) == page.size
        others = whole["meta"].get("related_multi_packs", [])
        assert sorted([*others, name]) == sorted(each.file.replace(".png", ".json") for each in made.atlas.pages)
        assert whole["animations"]["walk"] == [f"walk_{number}" for number in range(4)]
        assert whole["meta"]["timing"]["fall"] == {"seconds": [0.1, 0.1, 0.3], "loop": False}
        seen |= {key: (page, value) for key, value in whole["frames"].items()}
    assert seen.keys() == {frame.name for frame in made.atlas.frames}
    for frame in made.atlas.frames:
        page, entry = seen[frame.name]
        assert page.file == made.atlas.pages[frame.page].file
        assert entry["frame"] == {
            "x": frame.rect.x,
            "y": frame.rect.y,
            "w": frame.rect.width,
            "h": frame.rect.height,
        }
        inner = entry["spriteSourceSize"]
        assert (inner["x"], inner["y"]) == frame.offset
        assert (entry["sourceSize"]["w"], entry["sourceSize"]["h"]) == frame.source
        assert entry["rotated"] is False
        assert entry["trimmed"] is frame.trimmed
