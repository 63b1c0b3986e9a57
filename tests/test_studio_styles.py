"""Style profiles: what they say is what jobs get, and what is not known is refused by name."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tenku.base.errors import UsageError
from tenku.studio.imagejob import request_of
from tenku.studio.model import JobSpec, Kind
from tenku.studio.recipes.image import image_asks, picture_parameters, seeds_of
from tenku.studio.styles.finish import Finish, finish_from, finish_json
from tenku.studio.styles.finishing import finished, settled
from tenku.studio.styles.shelf import SHIPPED, Shelf
from tenku.studio.styles.style import SeedPolicy, Style, parse_style

WHOLE = """
about = "Everything."
[prompt]
before = "pixel art of"
after = "centred"
negative = "text"
[seed]
policy = "list"
list = [3, 5]
[picture]
size = "64x128"
steps = 4
guidance = 2.5
model = "qwen"
accelerate = "first-block-cache"
references = ["a.png", "b.png"]
[finish]
background = "cut"
pixels = 16
palette = ["#FF0000", "#00ff00"]
dither = 0.5
"""


def parse(text: str) -> Style:
    return parse_style(text, name="s", where="s.toml", folder=Path("/styles"))


def disc(colour: str = "#d02020", *, ground: str = "white") -> bytes:
    """A disc on a plain ground, with soft edges."""
    big = Image.new("RGB", (256, 256), ground)
    ImageDraw.Draw(big).ellipse((48, 48, 208, 208), fill=colour)
    out = io.BytesIO()
    big.resize((64, 64), Image.Resampling.LANCZOS).save(out, "PNG")
    return out.getvalue()


def pixels(data: bytes) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    return np.array(Image.open(io.BytesIO(data)).convert("RGBA"))


def test_everything_that_a_profile_says_reaches_the_job() -> None:
    style = parse(WHOLE)
    assert style.references == (Path("/styles/a.png"), Path("/styles/b.png"))
    assert style.finish == Finish(background="cut", pixels=16, palette=("#ff0000", "#00ff00"), dither=0.5)
    first, second = "a" * 64, "b" * 64
    asks = image_asks("an axe", style, model="m", parameters={}, references=[first, second], count=2, name="axe")
    assert [(ask.key, ask.spec.seed, ask.spec.row) for ask in asks] == [("axe-0001", 3, 0), ("axe-0002", 5, 1)]
    request = request_of(asks[0].spec)
    assert (request.prompt, request.negative) == ("pixel art of an axe, centred", "text")
    assert (request.width, request.height, request.steps, request.guidance) == (64, 128, 4, 2.5)
    assert (request.task, request.image, request.references) == ("edit", first, (second,))
    assert request.accelerate == "first-block-cache"


def test_what_the_command_says_wins_and_both_say_what_is_not_to_be_seen() -> None:
    given = picture_parameters(parse(WHOLE), {"steps": 9, "negative": "hands", "image": "c" * 64}, ["a" * 64])
    assert (given["steps"], given["negative"], given["image"]) == (9, "text, hands", "c" * 64)
    assert given["references"] == ["a" * 64]
    assert picture_parameters(None, {"steps": 9}) == {"steps": 9}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("colour = 3", "s.toml: has no key 'colour'. It has about, prompt, seed, picture, finish."),
        ("[prompt]\nbefor = 'x'", "[prompt] has no key 'befor'. It has before, after, negative."),
        ("[finish]\ncolors = 3", "[finish] has no key 'colors'."),
        ("prompt = 3", "prompt is no section"),
        ("[prompt]\nbefore = 3", "[prompt] before is '3'; it has to be a text"),
        ("[seed]\npolicy = 'any'", "[seed] policy is 'any'; it has to be one of per-asset, fixed, list"),
        ("[seed]\npolicy = 'list'", "a list of seeds, with the policy list"),
        ("[seed]\nlist = [-1]", "[seed] list is '[-1]'"),
        ("[picture]\nsize = 64", "[picture] size is '64'; it has to be a size like 512x512"),
        ("[picture]\nsteps = true", "[picture] steps is 'True'; it has to be a whole number from 1 to 200"),
        ("[picture]\nguidance = 99", "[picture] guidance is '99'; it has to be a number from 0 to 50"),
        ("[picture]\nreferences = ['1', '2', '3', '4', '5']", "a list of at most 4 paths"),
        ("[finish]\npalette = ['red']", "a list of colours like #ff8800"),
        ("[finish]\npalette = 'gone.hex'", "gone.hex cannot be read"),
        ("[finish]\nbackground = 'blue'", "one of keep, cut"),
        ("= 3", "s.toml is no TOML"),
    ],
)
def test_what_cannot_be_is_refused_by_name(text: str, part: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(text)
    assert part in refused.value.sentence()


def test_seeds_of_one_prompt_are_never_the_same() -> None:
    fixed = Style(name="portraits", policy=SeedPolicy.FIXED, first=11)
    assert seeds_of(fixed, first=0, count=1) == [11]
    with pytest.raises(UsageError, match="has 1 of the 3 seeds"):
        seeds_of(fixed, first=0, count=3)
    with pytest.raises(UsageError, match="has 2 of the 3 seeds"):
        seeds_of(parse(WHOLE), first=0, count=3)
    assert seeds_of(Style(name="s"), first=2**32 - 1, count=2) == [2**32 - 1, 0]
    assert seeds_of(None, first=4, count=2) == [4, 5]


def test_every_profile_that_comes_along_can_be_used_and_says_what_it_is() -> None:
    styles = Shelf().list()
    assert {"pixel-rpg", "painted-icons", "flat-ui"} <= {each.name for each in styles}
    for each in styles:
        assert each.style is not None, each.why
        assert each.shipped
        assert each.style.about
        spec = JobSpec(kind=Kind.IMAGE, model="m", prompt="x", parameters=picture_parameters(each.style, {}))
        request_of(spec)
    assert all(path.suffix == ".toml" for path in SHIPPED.iterdir())


def test_a_profile_of_ones_own_hides_one_of_the_same_name(tmp_path: Path) -> None:
    own, studio = tmp_path / "styles", tmp_path / "studio"
    for folder, about in ((own, "Mine."), (studio, "The studio's.")):
        folder.mkdir()
        (folder / "pixel-rpg.toml").write_text(f'about = "{about}"', encoding="utf-8")
    (studio / "house.toml").write_text('about = "House."', encoding="utf-8")
    (studio / "broken.toml").write_text("x = 1", encoding="utf-8")
    shelf = Shelf(own, studio)
    assert (shelf.find("pixel-rpg").about, shelf.find("house").about) == ("Mine.", "House.")
    assert shelf.find(str(studio / "pixel-rpg.toml")).about == "The studio's."
    assert {each.name: each.why for each in shelf.list()}["broken"].endswith("finish.")
    for name, part in (("gone", "There is no style gone"), ("../x", "cannot be read"), ("a\nb", "cannot be a style's")):
        with pytest.raises(UsageError, match=part):
            shelf.find(name)


def test_a_picture_is_cut_out_made_small_and_brought_to_the_palette() -> None:
    finish = Finish(background="cut", pixels=16, palette=("#d02020", "#203040"))
    made = pixels(finished(disc(), finish, where="disc"))
    assert made.shape == (16, 16, 4)
    assert set(np.unique(made[..., 3]).tolist()) == {0, 255}
    assert {tuple(colour) for colour in made[made[..., 3] == 255][:, :3].tolist()} == {(0xD0, 0x20, 0x20)}
    assert made[0, 0, 3] == 0
    assert finished(disc(), Finish(), where="disc") == disc()


def test_a_picture_without_a_plain_ground_is_told_of() -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    out = io.BytesIO()
    noise.save(out, "PNG")
    with pytest.raises(UsageError, match="noise has no plain background"):
        finished(out.getvalue(), Finish(background="cut"), where="noise")


def test_colours_are_learned_from_all_pictures_together_and_stay() -> None:
    learning = Finish(background="cut", colours=2)
    assert learning.learns
    palette = settled(learning, [disc("#d02020"), disc("#2020d0")])
    assert not palette.learns
    assert len(palette.palette) == 2
    seen = pixels(finished(disc("#d02020"), palette, where="disc"))
    solid = seen[seen[..., 3] == 255][:, :3]
    assert {"#" + bytes(colour).hex() for colour in solid.tolist()} <= set(palette.palette)
    assert settled(palette, []) == palette


def test_a_finish_is_plain_data_and_comes_back() -> None:
    for finish in (Finish(), parse(WHOLE).finish, Finish(colours=8), Finish(pixels=32)):
        assert finish_from(finish_json(finish)) == finish
    assert finish_json(Finish()) == {}
