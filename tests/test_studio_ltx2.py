"""Video with sound in one pass by LTX-2: equal to a direct call, decoded again, and what is refused."""

import io
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers.pipelines.ltx2 import LTX2LatentUpsamplePipeline, LTX2LatentUpsamplerModel, LTX2VideoCondition
from PIL import Image

from studio_tiny_audio import Tiny, sound_model
from studio_tiny_audio import tiny_sound as tiny_sound
from tenku.base.errors import CancelledJob, JobError, ModelError
from tenku.studio.desk import EmptyDesk
from tenku.studio.diffusion.quiet import quiet
from tenku.studio.engines.ltx2 import Ltx2, load
from tenku.studio.engines.ltx2plan import DISTILLED, UNGUIDED, frames_for, plan_of, usual_of
from tenku.studio.engines.pump import never
from tenku.studio.media.readback import read_back
from tenku.studio.media.samples import Samples
from tenku.studio.media.writevideo import write_video
from tenku.studio.model import JobSpec, Json, Kind
from tenku.studio.ports import Made, Step
from tenku.studio.soundtrack.loudness import below_ceiling
from tenku.studio.soundtrack.mixing import fitted
from tenku.studio.videojob import request_of

SIDE = 64
HEARD = "a roar"
PROMPT = f"a dragon Sound: {HEARD}"


class Pictures(EmptyDesk):
    """A desk with pictures of one colour, by the first letter of their name."""

    def input(self, name: str) -> bytes:
        return png(int(name[0], 16))


def png(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), (shade * 16, 90, 30)).save(file, "PNG")
    return file.getvalue()


def picture(shade: int) -> Any:
    return Image.open(io.BytesIO(png(shade))).convert("RGB")


@pytest.fixture(scope="module")
def tiny(tiny_sound: Tiny) -> Ltx2:
    return load(sound_model(tiny_sound("ltx2"), engine="ltx2"))


def spec(**parameters: Json) -> JobSpec:
    usual: dict[str, Json] = {"width": SIDE, "height": SIDE, "seconds": 0.375, "steps": 2, "guidance": 1.0}
    usual |= {"sound": HEARD}
    given = {key: value for key, value in {**usual, **parameters}.items() if value is not None}
    return JobSpec(kind=Kind.VIDEO, model="tiny", prompt="a dragon", parameters=given, seed=5)


def make(engine: Ltx2, job: JobSpec, steps: list[Step] | None = None) -> Made:
    return engine.run(job, desk=Pictures(), report=(steps if steps is not None else []).append, stop=never)


def direct(folder: Path, kind: str = "LTX2Pipeline", **call: Any) -> tuple[Any, Any]:
    """Pictures and sound as diffusers alone makes them."""
    usual: dict[str, Any] = {"width": SIDE, "height": SIDE, "num_frames": 9, "frame_rate": 24.0}
    with quiet():
        pipe = getattr(diffusers, kind).from_pretrained(str(folder))
        pipe.set_progress_bar_config(disable=True)
        generator = torch.Generator("cpu").manual_seed(5)
        more = {**usual, "output_type": "np", **UNGUIDED, **call}
        made = pipe(prompt=PROMPT, num_inference_steps=2, generator=generator, **more)
    return made.frames, made.audio


def file_of(frames: Any, audio: Any) -> bytes:
    """The file that these pictures and this sound make."""
    whole = np.clip(np.rint(frames * 255.0), 0, 255).astype(np.uint8)
    sound, _ = below_ceiling(fitted(np.ascontiguousarray(audio.numpy().T), len(whole) * 1000))
    return write_video(whole, fps=24, sound=Samples(sound, 24_000))


def test_video_and_sound_equal_a_direct_call_bit_for_bit(tiny_sound: Tiny, tiny: Ltx2) -> None:
    """And the file has both, decoded again: equally long, and beginning within a picture of each other."""
    steps: list[Step] = []
    made = make(tiny, spec(), steps)
    video, audio = direct(tiny_sound("ltx2"))
    assert made.outputs[0].data == file_of(video[0], audio[0])
    assert [(step.progress.done, step.progress.total) for step in steps] == [(1, 2), (2, 2)]
    assert Image.open(io.BytesIO(steps[0].preview)).size == (SIDE, SIDE)
    assert made.facts["sound"] == "in one pass"
    assert (made.facts["frames"], made.facts["fps"]) == (9, 24)
    found = read_back(made.outputs[0].data)
    assert found.pictures is not None
    assert found.sound is not None
    assert (found.pictures.frames, found.sound.channels) == (9, 2)
    assert abs(found.start_offset_s) <= 1 / 24
    assert abs(found.end_offset_s) <= 1 / 24
    assert make(tiny, spec()).outputs[0].data == made.outputs[0].data


def test_guidance_is_diffusers_own(tiny_sound: Tiny, tiny: Ltx2) -> None:
    """Without a wish, the four passes a step that diffusers has."""
    made = make(tiny, spec(guidance=None, negative="blur"))
    default: dict[str, Any] = dict.fromkeys(("stg_scale", "audio_stg_scale"), 1.0)
    default |= {"guidance_scale": 3.0, "audio_guidance_scale": 7.0, "modality_scale": 3.0, "audio_modality_scale": 3.0}
    video, audio = direct(tiny_sound("ltx2"), negative_prompt="blur", **default)
    assert made.outputs[0].data == file_of(video[0], audio[0])


def test_a_first_frame_equals_a_direct_call(tiny_sound: Tiny, tiny: Ltx2) -> None:
    made = make(tiny, spec(image="a" * 64))
    video, audio = direct(tiny_sound("ltx2"), "LTX2ImageToVideoPipeline", image=picture(10))
    assert made.outputs[0].data == file_of(video[0], audio[0])
    assert made.facts["way"] == "frame"


def test_a_first_and_a_last_frame_equal_a_direct_call(tiny_sound: Tiny, tiny: Ltx2) -> None:
    steps: list[Step] = []
    made = make(tiny, spec(image="a" * 64, last_image="3" * 64), steps)
    known = [LTX2VideoCondition(frames=picture(10), index=0), LTX2VideoCondition(frames=picture(3), index=-1)]
    video, audio = direct(tiny_sound("ltx2"), "LTX2ConditionPipeline", conditions=known)
    assert made.outputs[0].data == file_of(video[0], audio[0])
    assert steps[0].preview


def test_without_wanted_sound_the_video_is_silent(tiny: Ltx2) -> None:
    made = make(tiny, spec(sound=None))
    assert read_back(made.outputs[0].data).sound is None
    assert made.facts["sound"] == "none"


def test_an_upsampled_video_equals_direct_calls(tiny_sound: Tiny) -> None:
    """Made at half the size; the upsampler's pipeline of diffusers gives the same pictures."""
    folder = tiny_sound("ltx2-upsampled")
    engine = load(sound_model(folder, engine="ltx2", upsample=True))
    made = make(engine, spec(width=2 * SIDE, height=2 * SIDE))
    latents, audio_latents = direct(folder, output_type="latent")
    with quiet(), torch.no_grad():
        pipe: Any = diffusers.LTX2Pipeline.from_pretrained(str(folder))
        up = LTX2LatentUpsamplerModel.from_pretrained(str(folder / "latent_upsampler"))
        larger: Any = LTX2LatentUpsamplePipeline(vae=pipe.vae, latent_upsampler=up)
        video = larger(latents=latents, height=SIDE, width=SIDE, num_frames=9, output_type="np").frames
        audio = pipe.vocoder(pipe.audio_vae.decode(audio_latents, return_dict=False)[0])
    assert made.outputs[0].data == file_of(video[0], audio[0])
    assert made.facts["upsampled_from"] == f"{SIDE}x{SIDE}"
    engine.close()


def test_an_upsampler_that_is_not_there_is_told(tiny_sound: Tiny) -> None:
    with pytest.raises(ModelError, match="its folder has no latent_upsampler"):
        load(sound_model(tiny_sound("ltx2"), engine="ltx2", upsample=True))


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-100]), "diffusion_pytorch_model.safetensors"),
        (lambda file: file.with_suffix(".bin").write_bytes(b"pickle"), "is a pickle, which can run any code"),
        (lambda file: file.with_name("config.json").write_text("{"), "cannot be"),
    ],
)
@pytest.mark.parametrize("part", ["latent_upsampler", "vocoder"])
def test_a_broken_folder_is_refused(
    tiny_sound: Tiny, tmp_path: Path, part: str, harm: Callable[[Path], object], says: str
) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(tiny_sound("ltx2-upsampled"), folder)
    harm(next((folder / part).glob("*.safetensors")))
    with pytest.raises(ModelError, match=says):
        load(sound_model(folder, engine="ltx2", upsample=True))


@pytest.mark.parametrize("part", ["transformer", "vae", "vocoder"])
def test_nan_is_told_wherever_it_comes_from(tiny_sound: Tiny, part: str) -> None:
    engine = load(sound_model(tiny_sound("ltx2"), engine="ltx2"))
    broken: Any = getattr(engine._loaded.pipeline, part)
    with torch.no_grad():
        for parameter in broken.parameters():
            parameter.fill_(float("nan"))
    with pytest.raises(JobError, match="NaN") as caught:
        make(engine, spec())
    assert "seed" in caught.value.hint


def test_a_cancel_is_seen_within_a_step(tiny: Ltx2) -> None:
    steps: list[Step] = []
    with pytest.raises(CancelledJob):
        tiny.run(spec(steps=30), desk=Pictures(), report=steps.append, stop=lambda: len(steps) == 2)
    assert len(steps) == 2
    make(tiny, spec())


@pytest.mark.parametrize(
    ("parameters", "says", "hint"),
    [
        ({"width": 80}, "multiples of 32, and 80x64 are not", "Take 64x64"),
        ({"video": "a" * 64}, "takes no video", "Leave video out"),
        ({"lora": "x.safetensors"}, "takes no lora", "Leave lora out"),
        ({"sound_model": "noises"}, "makes its own sound, so it takes no sound_model", "Describe"),
        ({"accelerate": "magic"}, "There is no acceleration 'magic'", "first-block-cache"),
        ({"sound": "x" * 2000}, "The prompt has .* tokens, and this model reads 1024", "Shorten"),
    ],
)
def test_what_cannot_be_made_is_refused(tiny: Ltx2, parameters: dict[str, Json], says: str, hint: str) -> None:
    with pytest.raises(JobError, match=says) as caught:
        make(tiny, spec(**parameters))
    assert hint in caught.value.hint


@pytest.mark.parametrize(("seconds", "fps", "frames"), [(0.1, 24, 9), (5, 24, 121), (121 / 24, 24, 121), (10, 24, 241)])
def test_lengths_are_eights_and_one(seconds: float, fps: int, frames: int) -> None:
    assert frames_for(seconds, fps) == frames


def test_a_distilled_model_has_its_own_noise_levels() -> None:
    usual = usual_of("tiny", {"distilled": True})
    job = replace(spec(steps=None, guidance=None), prompt="a dragon")
    plan = plan_of(request_of(job), usual, model="tiny")
    assert plan.call["sigmas"] == list(DISTILLED)
    assert plan.call["num_inference_steps"] == 8
    assert plan.call["stg_scale"] == 0
    with pytest.raises(ModelError, match="has the distilled 'yes'; it has to be true or false"):
        usual_of("tiny", {"distilled": "yes"})
    with pytest.raises(ModelError, match="a number from 1 to 60"):
        usual_of("tiny", {"fps": 1000})
