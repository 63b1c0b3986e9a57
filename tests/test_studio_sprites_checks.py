"""Checks: what is wrong fails with numbers and a place, and what is right passes."""

import dataclasses

import numpy as np
import pytest

from studio_art import drawn, on, potion, ring, sword
from tenku.base.errors import UsageError
from tenku.studio.sprites.checks import (
    SizeRule,
    check_border,
    check_empty,
    check_fringe,
    check_loop,
    check_palette,
    check_seam,
    check_size,
    parse_size_rule,
)
from tenku.studio.sprites.findings import Finding, Findings, Verdict
from tenku.studio.sprites.palette import Palette
from tenku.studio.sprites.pixels import Floats, Pixels, blank


def opaque(colours: Floats) -> Pixels:
    full = np.full((*colours.shape[:2], 1), 255.0)
    pixels: Pixels = np.rint(np.concatenate([colours.clip(0, 255), full], axis=-1)).astype(np.uint8)
    return pixels


def waves(*, periods: float, side: int = 64, noise: float = 6) -> Pixels:
    """Grass, about: it goes on in itself where whole waves fit into it."""
    angle = np.arange(side) / side * 2 * np.pi * periods
    height = np.sin(angle)[None, :] + np.sin(angle)[:, None]
    colours = (
        np.array([60, 140, 50]) + 25 * height[..., None] + np.random.default_rng(1).normal(0, noise, (side, side, 1))
    )
    return opaque(colours.astype(np.float32))


def turning(count: int, *, whole: bool) -> list[Pixels]:
    """A sprite that swings, over a whole period or a half of one."""
    base = np.pad(drawn(potion, size=32), ((16, 16), (16, 16), (0, 0)))
    share = np.arange(count) / count * (1 if whole else 0.5)
    return [np.roll(base, round(9 * np.sin(2 * np.pi * each) + 9 * each * (not whole)), axis=1) for each in share]


def test_a_tile_that_goes_on_passes_and_one_that_does_not_fails() -> None:
    assert check_seam(waves(periods=2), file="a").verdict is Verdict.PASS
    found = check_seam(waves(periods=2.4), file="a")
    assert found.verdict is Verdict.FAIL
    assert found.measured > found.limit
    assert found.place.startswith(("left and right, y ", "top and bottom, x "))


def test_a_seam_is_found_in_the_direction_where_it_is() -> None:
    ramp = np.broadcast_to(np.linspace(40, 200, 64)[:, None, None], (64, 64, 3))
    assert check_seam(opaque(ramp.astype(np.float32)), file="a").place.startswith("top and bottom")
    assert check_seam(opaque(ramp.transpose(1, 0, 2).astype(np.float32)), file="a").place.startswith("left and right")


def test_bricks_may_have_their_joint_at_the_edge() -> None:
    bricks = np.full((64, 64, 3), (150, 60, 40), np.float32)
    bricks[::16] = bricks[:, ::16] = (90, 90, 90)
    assert check_seam(opaque(bricks), file="a").verdict is Verdict.PASS


def test_a_fringe_fails_with_its_colour() -> None:
    truth = drawn(potion)
    bad = on(truth, (255, 255, 255))
    bad[..., 3] = truth[..., 3]
    found = check_fringe(bad, file="a")
    assert found.verdict is Verdict.FAIL
    assert "about #f" in found.sentence
    assert found.place.startswith("x ")
    assert check_fringe(truth, file="a").verdict is Verdict.PASS
    assert check_fringe(drawn(sword), file="a").verdict is Verdict.PASS
    assert check_fringe(waves(periods=1), file="a").verdict is Verdict.SKIP


def test_a_colour_outside_of_the_palette_is_found_where_it_is() -> None:
    palette = Palette("two", np.array([(0, 0, 0), (255, 255, 255)], np.uint8))
    pixels = opaque(np.zeros((8, 8, 3), np.float32))
    assert check_palette(pixels, palette, file="a").verdict is Verdict.PASS
    pixels[3, 5, :3] = (10, 200, 30)
    found = check_palette(pixels, palette, file="a")
    assert (found.verdict, found.measured, found.place) == (Verdict.FAIL, 1, "x 5, y 3: #0ac81e")
    pixels[3, 5] = (0, 0, 0, 100)
    assert check_palette(pixels, palette, file="a").place == "x 5, y 3: #000000, alpha 100"
    pixels[3, 5] = (9, 9, 9, 0)  # nobody sees that
    assert check_palette(pixels, palette, file="a").verdict is Verdict.PASS


def test_a_loop_that_jumps_fails() -> None:
    assert check_loop(turning(16, whole=True), file="a").verdict is Verdict.PASS
    found = check_loop(turning(16, whole=False), file="a")
    assert found.verdict is Verdict.FAIL
    assert found.place == "picture 16 to 1"


def test_a_last_picture_that_is_the_first_again_fails() -> None:
    reel = turning(16, whole=True)
    found = check_loop([*reel, reel[0]], file="a")
    assert found.verdict is Verdict.FAIL
    assert "leave the last one out" in found.sentence


def test_a_loop_of_pictures_of_different_sizes_is_refused() -> None:
    with pytest.raises(UsageError, match="differ in size"):
        check_loop([blank(4, 4), blank(4, 5), blank(4, 4)], file="a")
    assert check_loop([blank(4, 4)] * 2, file="a").verdict is Verdict.SKIP
    assert check_loop([blank(4, 4)] * 4, file="a").verdict is Verdict.PASS


def test_sizes_are_exact_or_multiples() -> None:
    assert parse_size_rule("32x16") == SizeRule(32, 16)
    assert parse_size_rule("16") == SizeRule(16, 16, multiple=True)
    with pytest.raises(UsageError, match="'16x' is no size"):
        parse_size_rule("16x")
    assert check_size(blank(32, 16), SizeRule(32, 16), file="a").verdict is Verdict.PASS
    found = check_size(blank(32, 18), SizeRule(32, 16), file="a")
    assert (found.verdict, found.measured) == (Verdict.FAIL, 2)
    assert "32x18" in found.sentence
    assert check_size(blank(48, 32), SizeRule(16, 16, multiple=True), file="a").verdict is Verdict.PASS
    assert check_size(blank(48, 40), SizeRule(16, 16, multiple=True), file="a").verdict is Verdict.FAIL


def test_a_sprite_that_was_cut_off_fails_and_one_that_touches_passes() -> None:
    whole = drawn(potion)
    assert check_border(whole, file="a").verdict is Verdict.PASS
    found = check_border(whole[:, 20:], file="a")
    assert (found.verdict, found.place) == (Verdict.FAIL, "the left")
    round_one = drawn(ring)
    first = int(np.flatnonzero((round_one[..., 3] > 128).any(axis=1))[0])
    assert check_border(round_one[first:], file="a").verdict is Verdict.PASS
    assert check_border(round_one[first + 2 :], file="a").place == "the top"
    assert check_border(waves(periods=1), file="a").verdict is Verdict.SKIP


def test_a_picture_of_nothing_fails() -> None:
    assert check_empty(blank(4, 4), file="a").verdict is Verdict.FAIL
    assert check_empty(drawn(ring), file="a").verdict is Verdict.PASS


def test_the_report_says_what_failed_and_counts_the_rest() -> None:
    good = Finding(file="a.png", check="seam", verdict=Verdict.PASS, measured=1, limit=1.5)
    bad = dataclasses.replace(
        good, file="b.png", verdict=Verdict.FAIL, measured=3.14159, place="x 4", sentence="It jumps."
    )
    report = Findings([good, bad])
    assert report.text() == "b.png: seam: It jumps. Measured 3.14, limit 1.5, at x 4.\n1 of 2 pictures passed."
    assert report.exit_code == 1
    assert report.json()["findings"][1]["measured"] == 3.14159
    assert Findings([good]).exit_code == 0
    assert Findings([good]).json()["passed"] is True
