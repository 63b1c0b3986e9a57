"""Wan through the studio equals a direct call of diffusers, bit for bit, on tiny models of the real classes."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio_tiny_wan import TinyWan
from studio_tiny_wan import tiny_wan as tiny_wan
from studio_wan import FRAMES, SIDE, Engines, Papers, direct, film, pictures, png, portrait
from studio_wan import engine as engine
from tenku.base.errors import JobError
from tenku.studio.media.readframes import read_frames
from tenku.studio.media.webp import write_webp
from tenku.studio.media.writevideo import write_video


@pytest.mark.parametrize(("name", "guidance"), [("t2v", 5.0), ("t2v-two", 4.0), ("ti2v", 5.0)])
def test_words_alone(engine: Engines, tiny_wan: TinyWan, name: str, guidance: float) -> None:
    ours = pictures(engine(name), seconds=FRAMES / engine(name).powers.fps)
    theirs = direct(tiny_wan(name), "WanPipeline", num_frames=FRAMES, guidance_scale=guidance)
    assert ours.shape == (FRAMES, SIDE, SIDE, 3)
    assert np.array_equal(ours, theirs)


def test_the_second_transformer_has_its_own_guidance(engine: Engines, tiny_wan: TinyWan) -> None:
    """`boundary_ratio` 0.8: of two steps one is above it, one below."""
    ours = pictures(engine("t2v-two", guidance=4.0, guidance_2=3.0))
    theirs = direct(tiny_wan("t2v-two"), "WanPipeline", num_frames=FRAMES, guidance_scale=4.0, guidance_scale_2=3.0)
    assert np.array_equal(ours, theirs)
    assert not np.array_equal(ours, pictures(engine("t2v-two")))


@pytest.mark.parametrize(("name", "guidance"), [("i2v", 5.0), ("i2v-two", 4.0)])
def test_a_first_frame(engine: Engines, tiny_wan: TinyWan, name: str, guidance: float) -> None:
    desk, image = Papers(), portrait()
    ours = pictures(engine(name), desk, image=desk.put(png(image)))
    theirs = direct(tiny_wan(name), "WanImageToVideoPipeline", image=image, num_frames=FRAMES, guidance_scale=guidance)
    assert np.array_equal(ours, theirs)


def test_a_first_frame_for_the_model_that_takes_words_as_well(engine: Engines, tiny_wan: TinyWan) -> None:
    """TI2V-5B's folder names the pipeline for words; the one for frames works on the same parts."""
    desk, image = Papers(), portrait()
    ours = pictures(engine("ti2v"), desk, image=desk.put(png(image)), seconds=FRAMES / 24)
    theirs = direct(
        tiny_wan("ti2v"),
        "WanImageToVideoPipeline",
        image=image,
        num_frames=FRAMES,
        guidance_scale=5.0,
        more={"expand_timesteps": True, "image_encoder": None, "image_processor": None},
    )
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize(("name", "guidance"), [("flf2v", 5.0), ("i2v-two", 4.0)])
def test_a_first_and_a_last_frame(engine: Engines, tiny_wan: TinyWan, name: str, guidance: float) -> None:
    desk, first, last = Papers(), portrait(1), portrait(2)
    ours = pictures(engine(name), desk, image=desk.put(png(first)), last_image=desk.put(png(last)))
    theirs = direct(
        tiny_wan(name),
        "WanImageToVideoPipeline",
        image=first,
        last_image=last,
        num_frames=FRAMES,
        guidance_scale=guidance,
    )
    assert np.array_equal(ours, theirs)


def test_a_video_made_anew_in_part(engine: Engines, tiny_wan: TinyWan) -> None:
    desk = Papers()
    data, shown = film(FRAMES, 3)
    ours = pictures(engine("t2v"), desk, video=desk.put(data), strength=0.5, steps=4)
    theirs = direct(
        tiny_wan("t2v"),
        "WanVideoToVideoPipeline",
        video=shown,
        strength=0.5,
        num_inference_steps=4,
        guidance_scale=5.0,
    )
    assert np.array_equal(ours, theirs)


def test_vace_with_references(engine: Engines, tiny_wan: TinyWan) -> None:
    desk, one, two = Papers(), portrait(4), portrait(5).resize((48, 96))
    ours = pictures(engine("vace"), desk, references=[desk.put(png(one)), desk.put(png(two))])
    theirs = direct(
        tiny_wan("vace"), "WanVACEPipeline", reference_images=[one, two], num_frames=FRAMES, guidance_scale=5.0
    )
    assert np.array_equal(ours, theirs)


def test_vace_with_a_video_and_a_mask(engine: Engines, tiny_wan: TinyWan) -> None:
    desk = Papers()
    data, shown = film(FRAMES, 3)
    white = np.zeros((FRAMES, SIDE, SIDE, 3), np.uint8)
    white[:, :, 32:] = 255
    mask = write_webp(white, fps=16)
    with pytest.raises(JobError, match="mask"):
        pictures(engine("vace"), desk, video=desk.put(data), mask=desk.put(mask))  # WebP is no video here
    coded = write_video(white, fps=16)
    ours = pictures(engine("vace"), desk, video=desk.put(data), mask=desk.put(coded))
    theirs = direct(
        tiny_wan("vace"),
        "WanVACEPipeline",
        video=shown,
        mask=[Image.fromarray(each) for each in read_frames(coded).frames],
        num_frames=FRAMES,
        guidance_scale=5.0,
    )
    assert np.array_equal(ours, theirs)


def test_vace_with_a_first_and_a_last_frame(engine: Engines, tiny_wan: TinyWan) -> None:
    """As its makers do it: what is to be made is grey in the video and white in the mask."""
    desk, first, last = Papers(), portrait(1), portrait(2)
    ours = pictures(engine("vace"), desk, image=desk.put(png(first)), last_image=desk.put(png(last)))
    grey, white, black = (Image.new("RGB", (SIDE, SIDE), (each,) * 3) for each in (128, 255, 0))
    theirs = direct(
        tiny_wan("vace"),
        "WanVACEPipeline",
        video=[first, *[grey] * (FRAMES - 2), last],
        mask=[black, *[white] * (FRAMES - 2), black],
        num_frames=FRAMES,
        guidance_scale=5.0,
    )
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("replaces", [False, True])
def test_somebody_moves_as_a_video_does(engine: Engines, tiny_wan: TinyWan, replaces: bool) -> None:
    desk, who = Papers(), portrait(6)
    poses, shown_poses = film(7, 3, fps=30)
    faces, shown_faces = film(7, 4, fps=30)
    ground, shown_ground = film(7, 5, fps=30)
    files = {"image": desk.put(png(who)), "video": desk.put(poses), "face": desk.put(faces)}
    more: dict[str, Any] = {}
    if replaces:
        files |= {"background": desk.put(ground), "mask": desk.put(poses)}
        more = {"mode": "replace", "background_video": shown_ground, "mask_video": shown_poses}
    ours = pictures(engine("animate"), desk, **files)
    theirs = direct(
        tiny_wan("animate"),
        "WanAnimatePipeline",
        image=who,
        pose_video=shown_poses,
        face_video=shown_faces,
        segment_frame_length=9,
        guidance_scale=1.0,
        **more,
    )
    assert len(ours) == 7
    assert np.array_equal(ours, theirs)
