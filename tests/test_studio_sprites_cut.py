"""Cutting out: what is left looks on any ground as the true picture would, and nothing of the background shows."""

import numpy as np
import pytest

from studio_art import Draw, drawn, on, potion, ring, seen_on, sword
from tenku.base.errors import UsageError
from tenku.studio.sprites.alpha import cut, fringe, unpremultiply
from tenku.studio.sprites.flood import border, flood
from tenku.studio.sprites.oklab import distance, from_oklab, to_oklab
from tenku.studio.sprites.pixels import Mask, Pixels

WHITE, GREEN, GREY = (255, 255, 255), (0, 255, 0), (128, 128, 128)
GROUNDS = ((20, 20, 60), (255, 120, 0))


@pytest.mark.parametrize("background", [WHITE, GREEN, GREY])
@pytest.mark.parametrize("what", [potion, sword, ring])
def test_it_looks_on_any_ground_as_the_true_picture(what: Draw, background: tuple[int, int, int]) -> None:
    truth = drawn(what, size=96)
    made = cut(on(truth, background, noise=2), where="x.png", holes=what is ring).pixels
    for ground in GROUNDS:
        off = np.abs(seen_on(truth, ground) - seen_on(made, ground)).max(axis=-1)
        assert off.mean() < 2
        assert (off > 48).mean() < 0.002  # where a light blade meets a light ground nobody can tell


@pytest.mark.parametrize("background", [WHITE, GREEN, GREY])
def test_no_fringe_is_left_where_a_careless_cut_leaves_one(background: tuple[int, int, int]) -> None:
    truth = drawn(potion, size=96)
    careless = on(truth, background)
    careless[..., 3] = truth[..., 3]
    seen = fringe(careless)
    assert seen.amount > 0.08
    assert np.abs(np.array(seen.towards) - background).max() < 40
    assert fringe(cut(on(truth, background), where="x.png").pixels).amount < 0.03
    assert fringe(truth).amount < 0.01


def test_what_a_sprite_encloses_stays_unless_asked() -> None:
    flat = on(drawn(ring), WHITE)
    assert cut(flat, where="x.png").pixels[32, 32, 3] == 255
    assert cut(flat, where="x.png", holes=True).pixels[32, 32, 3] == 0


def test_a_hard_edge_has_no_half_transparent_pixels() -> None:
    made = cut(on(drawn(potion), WHITE), where="x.png", soft=0).pixels
    assert set(np.unique(made[..., 3])) == {0, 255}


def test_colours_go_on_beneath_what_is_transparent() -> None:
    """Smoothing mixes in the neighbours of an edge: black or white there would be a rim on a screen."""
    made = cut(on(drawn(ring), WHITE), where="x.png").pixels
    column = made[32, :12]
    outside = int(np.flatnonzero(column[:, 3] == 0)[-1])
    assert distance(to_oklab(column[outside]), to_oklab(np.array([0xD9, 0xA5, 0x20], np.uint8))) < 0.05


def test_a_picture_without_a_plain_background_is_refused() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (32, 32, 4), dtype=np.uint8)
    noise[..., 3] = 255
    with pytest.raises(UsageError, match=r"x\.png has no plain background: only \d+%"):
        cut(noise, where="x.png")
    with pytest.raises(UsageError, match="nothing but background"):
        cut(on(np.zeros((8, 8, 4), np.uint8), WHITE), where="x.png")
    with pytest.raises(UsageError, match="transparent border already"):
        cut(drawn(potion), where="x.png")


def test_multiplied_colours_come_back() -> None:
    truth = drawn(potion)
    dark: Pixels = truth.copy()
    dark[..., :3] = np.rint(truth[..., :3] * (truth[..., 3:] / 255)).astype(np.uint8)
    back = unpremultiply(dark)
    clear = truth[..., 3] > 64
    assert np.abs(back[clear].astype(int) - truth[clear]).max() <= 2
    assert np.array_equal(back[..., 3], truth[..., 3])
    assert fringe(dark).towards <= (60, 60, 60)


def test_a_flood_finds_its_way_through_a_maze_and_not_through_corners() -> None:
    maze = np.array([list(row) for row in ("#..###", "##.#.#", "#..###", "#.####", "#....#", "######")]) == "."
    seeds = np.zeros_like(maze)
    seeds[0, 1] = True
    reached = flood(maze, seeds)
    assert reached.sum() == maze.sum() - 1
    assert not reached[1, 4]
    assert not flood(maze, np.zeros_like(maze)).any()


def test_a_flood_is_what_a_slow_one_is() -> None:
    chance = np.random.default_rng(5)
    for _ in range(10):
        mask = chance.random((20, 30)) < 0.6
        assert np.array_equal(flood(mask, border(mask.shape)), slow_flood(mask, border(mask.shape)))


def slow_flood(mask: Mask, seeds: Mask) -> Mask:
    reached: Mask = mask & seeds
    todo: list[tuple[int, int]] = [(int(y), int(x)) for y, x in np.argwhere(reached)]
    while todo:
        y, x = todo.pop()
        for place in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if 0 <= place[0] < mask.shape[0] and 0 <= place[1] < mask.shape[1] and mask[place] and not reached[place]:
                reached[place] = True
                todo.append(place)
    return reached


def test_oklab_is_ottossons() -> None:
    """Known values of white and red from the source, and every colour comes back."""
    assert np.allclose(to_oklab(np.array([255, 255, 255], np.uint8)), [1, 0, 0], atol=1e-3)
    assert np.allclose(to_oklab(np.array([255, 0, 0], np.uint8)), [0.628, 0.225, 0.126], atol=1e-3)
    every = np.random.default_rng(2).integers(0, 256, (500, 3), dtype=np.uint8)
    assert np.array_equal(from_oklab(to_oklab(every)), every)
