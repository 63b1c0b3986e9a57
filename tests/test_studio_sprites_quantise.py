"""Pixel art: the grid that is in a picture is found, and what comes out has the palette's colours and hard edges."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio_art import drawn, potion, ring, sword
from tenku.base.errors import UsageError
from tenku.studio.sprites.oklab import distance, to_oklab
from tenku.studio.sprites.palette import Palette, learn_palette, palette_of, read_palette
from tenku.studio.sprites.pixelgrid import find_grid
from tenku.studio.sprites.pixels import Pixels
from tenku.studio.sprites.quantise import PixelArt, clean, harden, quantise

COLOURS = [(26, 28, 44), (93, 39, 93), (177, 62, 83), (239, 125, 87), (255, 205, 117)]
SMALL = Palette("small", np.array(COLOURS, dtype=np.uint8))


def art(side: int = 24, *, seed: int = 3) -> Pixels:
    """Pixel art in blobs of a few colours, with a transparent border."""
    chance = np.random.default_rng(seed)
    coarse = chance.integers(0, len(COLOURS), (side // 2, side // 2)).repeat(2, axis=0).repeat(2, axis=1)
    pixels = np.zeros((side, side, 4), np.uint8)
    pixels[..., :3], pixels[..., 3] = SMALL.colours[coarse], 255
    pixels[:2] = pixels[-2:] = 0
    pixels[:, :2] = pixels[:, -2:] = 0
    return pixels


def enlarged(pixels: Pixels, side: int, *, noise: float = 0) -> Pixels:
    """As image models draw pixel art: blocks of no whole size, uneven within."""
    image = Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST)
    large = np.asarray(image).astype(np.float64)
    large[..., :3] += np.random.default_rng(1).normal(0, noise, large[..., :3].shape) if noise else 0
    made: Pixels = np.rint(large.clip(0, 255)).astype(np.uint8)
    return made


@pytest.mark.parametrize("side", [96, 250, 333])
def test_pixel_art_that_was_enlarged_comes_back_pixel_for_pixel(side: int) -> None:
    """Blocks of 4, of 10.4 and of 13.9 pixels."""
    small = art()
    (made,) = quantise([enlarged(small, side, noise=6)], PixelArt(size=24, palette=SMALL, clean=False))
    assert np.array_equal(made, small)


@pytest.mark.parametrize("side", [96, 250])
def test_the_grid_of_a_picture_is_found(side: int) -> None:
    grid = find_grid(enlarged(art(), side, noise=2))
    assert grid is not None
    assert (grid.columns, grid.rows) in {(12, 12), (24, 24)}  # its blobs are two pixels wide
    assert find_grid(np.asarray(drawn(potion))) is None
    assert find_grid(np.zeros((64, 64, 4), np.uint8)) is None


def test_only_colours_of_the_palette_and_hard_alpha_come_out() -> None:
    for made in quantise([drawn(potion), drawn(sword)], PixelArt(size=32, palette=SMALL)):
        assert made.shape == (32, 32, 4)
        assert set(np.unique(made[..., 3])) == {0, 255}
        seen = made[made[..., 3] == 255][:, :3]
        assert {tuple(row) for row in seen.tolist()} <= set(COLOURS)
        assert not made[made[..., 3] == 0].any()


def test_a_learned_palette_is_the_same_every_time_and_near_the_picture() -> None:
    pictures = [drawn(potion), drawn(ring)]
    one, other = (learn_palette(pictures, colours=6) for _ in range(2))
    assert np.array_equal(one.colours, other.colours)
    assert len(one.colours) == 6
    for wanted in ("#c22f5d", "#2b1d3a", "#d9a520"):
        colour = np.array(tuple(bytes.fromhex(wanted[1:])), np.uint8)
        assert distance(to_oklab(one.colours), to_oklab(colour)).min() < 0.04


def test_few_colours_are_kept_as_they_are() -> None:
    assert {tuple(each) for each in learn_palette([art()], colours=16).colours.tolist()} == set(COLOURS)


def test_a_pattern_stands_for_colours_between_two() -> None:
    grey = np.full((16, 16, 4), (128, 128, 128, 255), np.uint8)
    two = Palette("two", np.array([(0, 0, 0), (255, 255, 255)], np.uint8))
    (flat,) = quantise([grey], PixelArt(size=16, palette=two, clean=False))
    (mixed,) = quantise([grey], PixelArt(size=16, palette=two, clean=False, dither=1))
    assert len(np.unique(flat[..., 0])) == 1
    assert 0.3 < (mixed[..., 0] == 255).mean() < 0.8
    assert np.array_equal(mixed[:4, :4], mixed[4:8, 8:12])


def test_what_stands_alone_is_cleaned_away() -> None:
    indices = np.full((7, 7), 2)
    indices[0] = indices[:, 0] = -1
    indices[3, 3] = 1  # a speck
    indices[5, 5] = -1  # a hole
    lone = np.full((7, 7), -1)
    lone[3, 3] = 4
    line = np.full((7, 7), 2)
    line[3, 1:6] = 1
    assert (clean(indices)[1:, 1:] == 2).all()
    assert (clean(lone) == -1).all()
    assert np.array_equal(clean(line), line)


def test_a_picture_that_is_no_square_can_be_filled_up() -> None:
    wide = drawn(potion)[16:48]
    (plain,) = quantise([wide], PixelArt(size=16, palette=SMALL))
    (square,) = quantise([wide], PixelArt(size=16, palette=SMALL, square=True))
    assert plain.shape == (8, 16, 4)
    assert square.shape == (16, 16, 4)
    assert np.array_equal(square[4:12], plain)


def test_alpha_is_hardened() -> None:
    hard = harden(drawn(potion))
    assert set(np.unique(hard[..., 3])) == {0, 255}


def test_pixel_art_is_never_enlarged() -> None:
    with pytest.raises(UsageError, match="64x64 cannot become 128"):
        quantise([drawn(ring)], PixelArt(size=128))
    with pytest.raises(UsageError, match="2 to 512"):
        quantise([drawn(ring)], PixelArt(size=1))


def files() -> dict[str, bytes]:
    image = io.BytesIO()
    Image.fromarray(np.array([COLOURS], dtype=np.uint8)).save(image, "PNG")
    entries = b"".join(bytes((*colour, 0)) for colour in COLOURS)
    body = b"PAL data" + struct.pack("<IHH", len(entries) + 4, 0x300, len(COLOURS)) + entries
    return {
        "a.gpl": b"GIMP Palette\nName: x\nColumns: 4\n# note\n"
        + b"".join(b"%3d %3d %3d\tname\n" % colour for colour in COLOURS),
        "a.hex": b"\xef\xbb\xbf" + b"".join(b"%02X%02x%02x\r\n" % colour for colour in COLOURS),
        "a.pal": b"JASC-PAL\r\n0100\r\n5\r\n" + b"".join(b"%d %d %d\r\n" % colour for colour in COLOURS),
        "riff.pal": b"RIFF" + struct.pack("<I", len(body)) + body,
        "a.png": image.getvalue(),
    }


@pytest.mark.parametrize("name", ["a.gpl", "a.hex", "a.pal", "riff.pal", "a.png"])
def test_palettes_are_read_from_every_usual_file(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(files()[name])
    assert {tuple(each) for each in read_palette(tmp_path / name).colours.tolist()} == set(COLOURS)


def test_a_palette_is_made_of_colours_as_people_write_them() -> None:
    assert palette_of("style", ["#ff8800", "000000", "#ff8800"]).colours.tolist() == [[255, 136, 0], [0, 0, 0]]
    with pytest.raises(UsageError, match="style, line 2: 'red' is no colour"):
        palette_of("style", ["#ff8800", "red"])
    with pytest.raises(UsageError, match="style has 0 colours"):
        palette_of("style", [])


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.gpl", b"hello", "does not begin with GIMP Palette"),
        ("a.gpl", b"GIMP Palette\n1 2 3\n1 2 999\n", "line 3: there are no three numbers"),
        ("a.gpl", b"GIMP Palette\n", "has 0 colours"),
        ("a.hex", b"ff8800\nblue\n", "line 2: 'blue' is no colour"),
        ("a.hex", b"\xff\xfe\x00", "no text in UTF-8"),
        ("a.hex", b"".join(b"%06x\n" % number for number in range(300)), "has 300 colours"),
        ("a.pal", b"nothing", "no palette of JASC or RIFF"),
        ("a.pal", b"RIFF____PAL data____\x00\x03\xff\x00", "cut off"),
        ("a.png", b"\x89PNG", "no picture that can be read"),
    ],
)
def test_a_palette_that_cannot_be_read_is_refused_with_its_line(
    name: str, data: bytes, says: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError, match=says):
        read_palette(tmp_path / name)
    with pytest.raises(UsageError, match=r"none\.gpl cannot be read"):
        read_palette(tmp_path / "none.gpl")
