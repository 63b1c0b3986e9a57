"""Packing: nothing overlaps or is outside, the same comes out every time, and every sprite can be cut out again."""

import itertools
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio_art import drawn, png, potion, ring, sword
from tenku.base.errors import FolderError, UsageError
from tenku.studio.sprites.atlas import Animation, Point, Rect
from tenku.studio.sprites.grid import Grid, parse_grid
from tenku.studio.sprites.names import check_names, natural
from tenku.studio.sprites.pack import Box, Packed, pack
from tenku.studio.sprites.pixels import Pixels, blank, decode
from tenku.studio.sprites.sheet import Packing, Sprite, cut_out, make_sheet
from tenku.studio.sprites.trim import extrude, trim, visible
from tenku.studio.sprites.write import put_files, write_sheet

SIDES = st.integers(1, 40)


@st.composite
def boxes(draw: st.DrawFn) -> list[Box]:
    sides = draw(st.lists(st.tuples(SIDES, SIDES), min_size=1, max_size=40))
    return [Box(name=f"s{number}", width=width, height=height) for number, (width, height) in enumerate(sides)]


def check_packed(wanted: list[Box], packed: Packed, *, most: int, gap: int) -> None:
    """Every box is there in its size, inside a page that is not too large, and `gap` away from all others."""
    assert packed.places.keys() == {box.name for box in wanted}
    for box in wanted:
        page, rect = packed.places[box.name]
        width, height = packed.sizes[page]
        assert (rect.width, rect.height) == (box.width, box.height)
        assert rect.x >= 0
        assert rect.y >= 0
        assert rect.right <= width <= most
        assert rect.bottom <= height <= most
    for one, other in itertools.combinations(packed.places.values(), 2):
        assert one[0] != other[0] or apart(one[1], other[1], gap)


def apart(one: Rect, other: Rect, gap: int) -> bool:
    return (
        one.right + gap <= other.x
        or other.right + gap <= one.x
        or one.bottom + gap <= other.y
        or other.bottom + gap <= one.y
    )


@given(boxes(), st.integers(40, 200), st.integers(0, 4), st.booleans())
@settings(max_examples=60, deadline=None)
def test_nothing_overlaps_and_nothing_is_outside(wanted: list[Box], most: int, gap: int, power: bool) -> None:
    most = max(most, 64)  # the largest power of two below has to hold the largest box
    packed = pack(wanted, most=most, gap=gap, power_of_two=power)
    check_packed(wanted, packed, most=most, gap=gap)
    if power:
        assert all(side & (side - 1) == 0 for size in packed.sizes for side in size)


@given(boxes(), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_order_given_does_not_matter(wanted: list[Box], chance: random.Random) -> None:
    first = pack(wanted, most=128)
    chance.shuffle(wanted)
    assert pack(wanted, most=128) == first


def test_an_overlap_is_noticed() -> None:
    wanted = [Box(name="a", width=4, height=4), Box(name="b", width=4, height=4)]
    wrong = Packed({"a": (0, Rect(0, 0, 4, 4)), "b": (0, Rect(3, 3, 4, 4))}, [(8, 8)])
    with pytest.raises(AssertionError):
        check_packed(wanted, wrong, most=8, gap=0)


def test_pages_are_well_used() -> None:
    chance = random.Random(4)
    wanted = [Box(name=f"s{n}", width=chance.randint(16, 96), height=chance.randint(16, 96)) for n in range(256)]
    packed = pack(wanted, most=2048)
    area = sum(box.width * box.height for box in wanted)
    assert len(packed.sizes) == 1
    assert area / (packed.sizes[0][0] * packed.sizes[0][1]) > 0.93


def test_a_box_larger_than_a_page_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"dragon takes 300x10 .* 256x256"):
        pack([Box(name="dragon", width=300, height=10)], most=256)


def test_a_power_of_two_that_cannot_hold_a_box_is_refused() -> None:
    with pytest.raises(UsageError, match="dragon takes 280x10"):
        pack([Box(name="dragon", width=280, height=10)], most=300, power_of_two=True)


@st.composite
def sprites(draw: st.DrawFn) -> list[Sprite]:
    """Random pictures with transparent borders; some are empty, some alike."""
    chance = np.random.default_rng(draw(st.integers(0, 1000)))
    made = []
    for number in range(draw(st.integers(1, 12))):
        height, width = chance.integers(1, 24, 2)
        pixels = chance.integers(0, 256, (height, width, 4), dtype=np.uint8)
        pixels[chance.random((height, width)) < draw(st.sampled_from([0, 0.5, 0.95, 1]))] = 0
        made.append(Sprite(name=f"s{number}", pixels=pixels))
        if draw(st.booleans()):
            made.append(Sprite(name=f"again{number}", pixels=np.pad(pixels, ((1, 2), (0, 3), (0, 0)))))
    return made


def without_hidden(pixels: Pixels) -> Pixels:
    """Colours that nobody sees are not kept beyond the trimmed rectangle."""
    return np.where(pixels[..., 3:] > 0, pixels, 0).astype(np.uint8)


@given(sprites(), st.booleans(), st.integers(0, 2), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_what_is_cut_out_of_the_atlas_is_what_went_in(
    given_sprites: list[Sprite], trimming: bool, border: int, padding: int
) -> None:
    how = Packing(size=64, trim=trimming, extrude=border, padding=padding)
    sheet = make_sheet("atlas", given_sprites, layout=how)
    for sprite in given_sprites:
        assert np.array_equal(without_hidden(cut_out(sheet, sprite.name)), without_hidden(sprite.pixels))


def test_frames_that_look_alike_are_on_the_page_once() -> None:
    picture = drawn(potion)
    moved = np.roll(picture, 1, axis=1)
    sheet = make_sheet("a", [Sprite(name="a", pixels=picture), Sprite(name="b", pixels=moved)], layout=Packing())
    one, other = sheet.atlas.frames
    assert one.rect == other.rect
    assert other.offset[0] == one.offset[0] + 1
    assert np.array_equal(cut_out(sheet, "b"), without_hidden(moved))


def test_the_pivot_stays_where_it_was() -> None:
    sheet = make_sheet("a", [Sprite(name="a", pixels=drawn(sword), pivot=Point(0.5, 1))], layout=Packing())
    (frame,) = sheet.atlas.frames
    assert frame.trimmed
    assert frame.pivot == Point(0.5, 1)
    assert frame.source == (64, 64)


def test_edges_are_repeated_around_a_sprite() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    wide = extrude(pixels, 2)
    assert wide.shape == (6, 7, 4)
    assert np.array_equal(wide[0, 0], pixels[0, 0])
    assert np.array_equal(wide[5, 6], pixels[1, 2])


def test_an_empty_sprite_keeps_one_pixel() -> None:
    assert visible(blank(8, 8)) is None
    assert trim(blank(8, 8)).rect == Rect(0, 0, 1, 1)


def test_a_grid_has_equal_cells_in_reading_order() -> None:
    pictures = [Sprite(name=f"i{n}", pixels=np.full((4, 4 + n % 2, 4), n + 1, np.uint8)) for n in range(6)]
    sheet = make_sheet("icons", pictures, layout=Grid(2, 2, padding=1))
    assert [page.size for page in sheet.atlas.pages] == [(11, 9), (11, 9)]
    assert [page.file for page in sheet.atlas.pages] == ["icons.png", "icons-2.png"]
    assert [frame.page for frame in sheet.atlas.frames] == [0, 0, 0, 0, 1, 1]
    assert sheet.atlas.frames[3].rect == Rect(6, 5, 5, 4)
    assert np.array_equal(cut_out(sheet, "i5"), pictures[5].pixels)
    with pytest.raises(UsageError, match="no grid"):
        parse_grid("4x")
    with pytest.raises(UsageError, match=r"make a page of 36000x"):
        make_sheet("icons", pictures, layout=Grid(7200, 1))


@pytest.mark.parametrize("name", ["", "../a", "a/", "/a", ".hidden", "a\\b", "a\n", "con", "a/nul", "x" * 121, 'a"b'])
def test_names_that_are_no_safe_files_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be called"):
        check_names([name])


def test_two_sprites_of_one_name_are_refused() -> None:
    picture = drawn(ring, size=16)
    with pytest.raises(UsageError, match="Two sprites are called a"):
        make_sheet("x", [Sprite(name="a", pixels=picture)] * 2, layout=Packing())
    with pytest.raises(UsageError, match="called a and A"):
        make_sheet("x", [Sprite(name="A", pixels=picture), Sprite(name="a", pixels=picture)], layout=Packing())


def test_a_sheet_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="no pictures"):
        make_sheet("x", [], layout=Packing())


def test_an_animation_needs_its_frames() -> None:
    picture = Sprite(name="a", pixels=drawn(ring, size=16))
    with pytest.raises(UsageError, match="lacks its frame b"):
        make_sheet("x", [picture], layout=Packing(), animations=[Animation(name="r", frames=["b"], seconds=[1])])
    with pytest.raises(UsageError, match="has no frames"):
        make_sheet("x", [picture], layout=Packing(), animations=[Animation(name="r", frames=[], seconds=[])])


def test_people_sort_numbers_by_their_value() -> None:
    assert sorted(["walk_10", "walk_2", "Walk_1"], key=natural) == ["Walk_1", "walk_2", "walk_10"]


def test_a_written_sheet_is_read_again(tmp_path: Path) -> None:
    pictures = {"potion": drawn(potion), "hero/ring": drawn(ring)}
    pieces = [(name, png(pixels)) for name, pixels in pictures.items()]
    written = write_sheet(pieces, out=tmp_path / "icons.png", layout=Packing())
    page = decode((tmp_path / "icons.png").read_bytes(), where="icons.png")
    assert [path.name for path in written.files] == ["icons.png", "icons.json"]
    for frame in written.atlas.frames:
        rect, (x, y) = frame.rect, frame.offset
        there = page[rect.y : rect.bottom, rect.x : rect.right]
        assert np.array_equal(there, pictures[frame.name][y : y + rect.height, x : x + rect.width])


def test_the_same_pictures_make_the_same_bytes(tmp_path: Path) -> None:
    pieces = [(f"p{n}", png(drawn(what))) for n, what in enumerate((potion, sword, ring))]
    for folder in ("one", "two"):
        write_sheet(pieces, out=tmp_path / folder / "a.png", layout=Packing())
    for name in ("a.png", "a.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(FolderError, match="taken cannot be written"):
        write_sheet([("a", png(drawn(ring)))], out=tmp_path / "taken" / "a.png", layout=Packing())


def test_where_one_file_cannot_be_written_the_others_stay_as_they_were(tmp_path: Path) -> None:
    """The name is too long for the file system: that shows before anything takes its place."""
    (tmp_path / "a.png").write_bytes(b"old")
    with pytest.raises(FolderError, match="cannot be written"):
        put_files(tmp_path, {"a.png": b"new", f"{'x' * 300}.tres": b"text"})
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"old"
