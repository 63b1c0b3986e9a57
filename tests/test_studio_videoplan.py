"""How a video of up to ten seconds is made of pieces, what a model can do, and whether pieces fit."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenku.base.errors import JobError
from tenku.studio.model import JobSpec, Kind
from tenku.studio.video.length import frames_for, pieces_of, retimed, whole, within
from tenku.studio.video.plan import Plan, plan_of
from tenku.studio.video.powers import Powers, Way, powers_of, way_of
from tenku.studio.video.seam import BAD, seam_score
from tenku.studio.videojob import VideoRequest, request_of

FILE = "a" * 64
CLIP: dict[str, Any] = {"image_dim": 1280}


def request(**parameters: Any) -> VideoRequest:
    base = {"width": 832, "height": 480}
    return request_of(JobSpec(kind=Kind.VIDEO, model="wan", prompt="a dragon", parameters={**base, **parameters}))


def powers(
    pipeline: str, *, transformer: dict[str, Any] | None = None, vae: dict[str, Any] | None = None, **settings: Any
) -> Powers:
    return powers_of("wan", pipeline, settings=settings, transformer=transformer or {}, vae=vae or {})


T2V = powers("WanPipeline")
T2V_A14B = powers("WanPipeline", boundary_ratio=0.875)
TI2V = powers("WanPipeline", expand_timesteps=True, vae={"scale_factor_spatial": 16})
I2V = powers("WanImageToVideoPipeline", transformer=CLIP)
I2V_A14B = powers("WanImageToVideoPipeline", boundary_ratio=0.9)
FLF2V = powers("WanImageToVideoPipeline", transformer={**CLIP, "pos_embed_seq_len": 514})
VACE = powers("WanVACEPipeline")
ANIMATE = powers("WanAnimatePipeline", transformer=CLIP)


def plan(what: Powers, given: dict[str, Any] | None = None, *, there: int = 0, **parameters: Any) -> Plan:
    return plan_of(request(**parameters), what, given=given or {}, there=there)


@pytest.mark.parametrize(
    ("seconds", "fps", "frames"),
    [(5, 16, 81), (5.0625, 16, 81), (10, 16, 161), (5, 24, 121), (10, 24, 241), (0.1, 16, 5), (1 / 16, 16, 1)],
)
def test_a_video_has_4k_and_1_pictures_and_never_falls_short(seconds: float, fps: int, frames: int) -> None:
    assert frames_for(seconds, fps) == frames


def test_ten_seconds_are_two_equal_halves() -> None:
    ten = plan(I2V, image=FILE, seconds=10)
    assert [(piece.frames, piece.known) for piece in ten.pieces] == [(81, 0), (81, 1)]
    assert ten.frames == 161
    assert [(piece.frames, piece.known) for piece in plan(TI2V, seconds=10).pieces] == [(121, 0), (121, 1)]
    assert [(piece.frames, piece.known) for piece in plan(VACE, seconds=10).pieces] == [(57, 0), (57, 5), (57, 5)]


def test_what_fits_into_one_call_is_one_call() -> None:
    assert len(plan(I2V, image=FILE, seconds=5).pieces) == 1
    assert len(plan(I2V, {"max_frames": 161}, image=FILE, seconds=10).pieces) == 1
    assert plan(I2V, {"max_frames": 161}, image=FILE, seconds=10).frames == 161


@given(
    moments=st.integers(0, 80),
    most=st.integers(2, 40).map(lambda each: 4 * each + 1),
    known=st.sampled_from([1, 5]),
)
def test_pieces_add_up_are_about_equal_and_never_too_long(moments: int, most: int, known: int) -> None:
    frames = 4 * moments + 1
    pieces = pieces_of(frames, most=most, known=known)
    assert sum(piece.new for piece in pieces) == frames
    assert all(piece.frames <= most and piece.frames % 4 == 1 for piece in pieces)
    assert all(piece.new > 0 for piece in pieces)
    assert [piece.known for piece in pieces] == [0, *[known] * (len(pieces) - 1)]
    news = [piece.new for piece in pieces]
    assert max(news) - min(news) <= known + 4


def test_pieces_without_room_for_anything_new_are_refused() -> None:
    with pytest.raises(ValueError, match="no room"):
        pieces_of(21, most=5, known=5)


@given(st.integers(1, 2000))
def test_the_nearest_lengths_that_a_model_makes(frames: int) -> None:
    assert within(frames) <= frames <= whole(frames)
    assert within(frames) % 4 == whole(frames) % 4 == 1
    assert whole(frames) - within(frames) in (0, 4)


def test_another_rate_keeps_the_length_and_makes_up_nothing() -> None:
    assert retimed(16, made=16, shown=16) == list(range(16))
    assert retimed(16, made=16, shown=8) == list(range(0, 16, 2))
    assert retimed(4, made=16, shown=32) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert len(retimed(81, made=16, shown=24)) == 122
    assert retimed(1, made=16, shown=1) == [0]


def test_each_piece_and_each_try_has_a_seed_of_its_own() -> None:
    """The first is the job's, so that a short video is what the model alone would make of it."""
    ten = plan(I2V, image=FILE, seconds=10)
    seeds = {ten.seed_of(piece, attempt) for piece in range(3) for attempt in range(2)}
    assert ten.seed_of(0, 0) == 0
    assert len(seeds) == 6


@pytest.mark.parametrize(("what", "most"), [(T2V, "5.06 s"), (T2V_A14B, "5.06 s")])
def test_a_model_for_words_alone_says_how_long_it_can(what: Powers, most: str) -> None:
    with pytest.raises(JobError, match=f"81 pictures at most, which are 5.062 s|{most}") as caught:
        plan(what, seconds=10)
    assert "Ask for 5.06 s" in caught.value.hint
    assert plan(what, seconds=5.06).frames == 81


def test_a_video_that_is_changed_as_a_whole_cannot_go_on() -> None:
    with pytest.raises(JobError, match="cannot go on"):
        plan(T2V, video=FILE, seconds=10, there=200)
    assert plan(T2V, video=FILE, seconds=10, there=50).frames == 49


@pytest.mark.parametrize(
    ("what", "parameters", "way"),
    [
        (T2V, {}, Way.TEXT),
        (TI2V, {}, Way.TEXT),
        (TI2V, {"image": FILE}, Way.FRAME),
        (I2V, {"image": FILE}, Way.FRAME),
        (FLF2V, {"image": FILE, "last_image": FILE}, Way.FRAME),
        (I2V_A14B, {"image": FILE, "last_image": FILE}, Way.FRAME),
        (T2V, {"video": FILE}, Way.CHANGE),
        (VACE, {"references": [FILE]}, Way.FILL),
        (VACE, {"video": FILE, "mask": FILE}, Way.FILL),
        (VACE, {"image": FILE, "last_image": FILE}, Way.FILL),
        (ANIMATE, {"image": FILE, "video": FILE, "face": FILE}, Way.ANIMATE),
    ],
)
def test_what_came_with_the_job_says_how_it_is_done(what: Powers, parameters: dict[str, Any], way: Way) -> None:
    assert way_of(request(**parameters), what) is way


@pytest.mark.parametrize(
    ("what", "parameters", "word"),
    [
        (I2V, {}, "needs a first frame"),
        (T2V, {"image": FILE}, "cannot begin from a first frame; it can from words"),
        (I2V, {"image": FILE, "last_image": FILE}, "a last frame"),
        (TI2V, {"image": FILE, "last_image": FILE}, "a last frame"),
        (T2V, {"references": [FILE]}, "references"),
        (T2V, {"video": FILE, "mask": FILE}, "a video with a mask"),
        (T2V_A14B, {"video": FILE}, "a video; it can from words"),
        (T2V, {"video": FILE, "image": FILE}, "a video and a first frame at once"),
        (VACE, {"face": FILE}, "motion of a face"),
        (ANIMATE, {"image": FILE, "video": FILE}, "begins from a picture, a video of poses"),
        (ANIMATE, {"image": FILE, "video": FILE, "face": FILE, "mask": FILE}, "a background and a mask"),
        (ANIMATE, {"image": FILE, "video": FILE, "face": FILE, "references": [FILE]}, "references"),
    ],
)
def test_what_a_model_cannot_do_is_said_with_what_it_can(what: Powers, parameters: dict[str, Any], word: str) -> None:
    with pytest.raises(JobError, match=word) as caught:
        way_of(request(**parameters), what)
    assert caught.value.hint


def test_sizes_are_multiples_of_what_the_model_works_in() -> None:
    assert plan(T2V, width=848, height=480).frames == 81
    with pytest.raises(JobError, match="multiples of 32, and 1280x720 are not") as caught:
        plan(TI2V, width=1280, height=720)
    assert caught.value.hint == "Take 1280x704."


def test_what_a_model_says_of_itself_comes_before_what_is_usual() -> None:
    usual, own = plan(T2V), plan(T2V, {"steps": 4, "guidance": 1.0, "fps": 12, "negative": "blur", "max_frames": 66})
    assert (usual.steps, usual.guidance, usual.fps, usual.frames) == (50, 5.0, 16, 81)
    assert (own.steps, own.guidance, own.fps, own.negative) == (4, 1.0, 12, "blur")
    asked = plan(T2V, {"steps": 4, "guidance": 1.0, "guidance_2": 2.0}, steps=9, guidance=0.0, fps=30)
    assert (asked.steps, asked.guidance, asked.guidance_2, asked.shown) == (9, 0.0, None, 30)
    two = plan(T2V_A14B, {"guidance_2": 3.0})
    assert (two.steps, two.guidance, two.guidance_2) == (40, 4.0, 3.0)
    for wrong in ({"steps": "many"}, {"max_frames": 1}, {"fps": True}, {"guidance": -3}):
        with pytest.raises(JobError, match="The model's parameter"):
            plan(T2V, wrong)


def moving(count: int, *, speed: int = 2, seed: int = 3) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A still picture that moves evenly."""
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    still = np.kron(blocks, np.ones((8, 8, 1), np.uint8))
    return np.stack([np.roll(still, speed * at, axis=1) for at in range(count)])


def test_a_seam_in_even_motion_is_as_every_other_step() -> None:
    assert seam_score(moving(40), 20) == pytest.approx(1.0, abs=0.05)


def test_a_jump_a_flash_and_a_stop_are_told_apart() -> None:
    jump = np.concatenate([moving(20), moving(20, seed=9)])
    assert seam_score(jump, 20) > 2 * BAD
    small_jump = np.concatenate([moving(40)[:20], moving(40)[26:]])
    assert seam_score(small_jump, 20) > BAD
    darker = moving(40)
    darker[20:] = (darker[20:] * 0.6).astype(np.uint8)
    assert seam_score(darker, 20) > 1.0
    still = np.repeat(moving(1), 20, axis=0)
    assert seam_score(still, 10) == 1.0


def test_a_seam_near_an_end_is_scored_as_well() -> None:
    assert seam_score(moving(3), 1) == pytest.approx(1.0, abs=0.1)
    assert seam_score(moving(2), 1) > 1.0  # nothing beside it to compare with
    for at in (0, 5):
        with pytest.raises(ValueError, match="no seam"):
            seam_score(moving(5), at)
