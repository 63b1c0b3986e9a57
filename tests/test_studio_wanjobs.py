"""Video jobs on tiny Wan models: the file, long videos, cancel, LoRAs, broken numbers, and what is refused."""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from studio_tiny_wan import TinyWan, wan_model
from studio_tiny_wan import tiny_wan as tiny_wan
from studio_wan import FRAMES, SIDE, Engines, Papers, direct, film, made, pictures, png, portrait, spec
from studio_wan import engine as engine
from tenku.base.errors import CancelledJob, JobError, ModelError
from tenku.studio.engines.wan import Wan, load
from tenku.studio.makers import Makers
from tenku.studio.media.checkvideo import check_video
from tenku.studio.media.readback import read_back
from tenku.studio.media.readframes import read_frames
from tenku.studio.media.writesound import write_sound
from tenku.studio.media.writevideo import write_video
from tenku.studio.model import JobSpec, Output, Progress, Usage
from tenku.studio.ports import Engine, Made, Step
from tenku.studio.video.plan import TRIES, plan_of
from tenku.studio.video.preview import patterns
from tenku.studio.video.seam import BAD, seam_score
from tenku.studio.videojob import request_of


def test_a_job_makes_one_file_that_is_what_was_asked_for(engine: Engines) -> None:
    done = made(engine("t2v"))
    (output,) = done.outputs
    facts = check_video(output.data, frames=FRAMES, width=SIDE, height=SIDE, fps=16)
    assert (output.name, output.media_type) == ("video.mp4", "video/mp4")
    assert output.data == write_video(pictures(engine("t2v")), fps=16)
    assert facts.sound is None
    assert done.usage.seconds > 0
    assert done.usage.memory > 0
    assert done.facts == {"way": "text", "made_fps": 16, "pieces": 1, "frames": FRAMES, "fps": 16}


@pytest.mark.parametrize("codec", ["av1", "vp9"])
def test_other_codecs(engine: Engines, codec: str) -> None:
    done = made(engine("t2v"), codec=codec, steps=1)
    check_video(done.outputs[0].data, frames=FRAMES, width=SIDE, height=SIDE, fps=16, codec=codec)


def test_another_rate_shows_the_same_motion_as_fast(engine: Engines) -> None:
    done = made(engine("t2v"), fps=24, steps=1)
    facts = read_back(done.outputs[0].data)
    assert facts.pictures is not None
    assert (facts.pictures.fps, facts.pictures.frames) == (24, 14)  # 9 pictures of 16 a second, 0.56 s
    assert (done.facts["made_fps"], done.facts["fps"]) == (16, 24)


def test_steps_are_told_with_a_picture_now_and_then(engine: Engines) -> None:
    """Not of the first five seconds, and never more often than one second in fifty is spent on it."""
    told: list[Step] = []
    known = engine("t2v")
    calls = count()
    slow = Wan(known._model, known._loaded, known.powers, clock=lambda: 2.0 * next(calls))
    slow.run(spec(steps=5), desk=Papers(), report=told.append, stop=lambda: False)
    assert [step.progress for step in told] == [Progress(done, 5) for done in range(1, 6)]
    shown = [bool(step.preview) for step in told]
    assert shown == [False, True, False, False, False]  # at 8 s; it took 2 s, so the next is due 100 s later
    assert Image.open(io.BytesIO(told[1].preview)).size == (SIDE, SIDE)
    assert np.array_equal(pictures(slow, steps=5), pictures(known, steps=5))


def test_where_parts_take_turns_a_preview_shows_patterns() -> None:
    wave = torch.linspace(-1, 1, 12).expand(8, 12)
    shown = patterns(torch.stack([wave, 0.1 * wave.flip(1), wave * 0, wave * 2]))
    assert shown.shape == (8, 12, 3)
    assert abs(int(shown[0, 0, 0]) - int(shown[0, -1, 0])) >= 254


def test_a_cancel_ends_within_one_step_and_leaves_nothing_behind(engine: Engines) -> None:
    wan, told = engine("t2v"), list[Step]()
    before = pictures(wan)
    asked = iter([False, True])  # before the piece, and after its first step
    with pytest.raises(CancelledJob, match="step 1 of 2"):
        wan.run(spec(), desk=Papers(), report=told.append, stop=lambda: next(asked))
    assert told == []
    with pytest.raises(CancelledJob, match="0 steps"):
        wan.run(spec(), desk=Papers(), report=told.append, stop=lambda: True)
    assert np.array_equal(pictures(wan), before)


def test_a_long_video_goes_on_from_the_last_frame(engine: Engines, tiny_wan: TinyWan) -> None:
    """Each piece equals a direct call that begins from the last picture of the one before it."""
    wan = engine("ti2v", max_frames=9)
    done = made(wan, seconds=17 / 24)
    whole = pictures(wan, seconds=17 / 24)
    check_video(done.outputs[0].data, frames=17, width=SIDE, height=SIDE, fps=24)
    assert done.facts["pieces"] == 2
    seams = done.facts["seams"]
    assert isinstance(seams, list)
    (seam,) = seams
    assert isinstance(seam, Mapping)
    assert seam["frame"] == 9

    more = {"expand_timesteps": True, "image_encoder": None, "image_processor": None}
    first = direct(tiny_wan("ti2v"), "WanPipeline", num_frames=9, guidance_scale=5.0)
    plan = plan_of(request_of(spec(seconds=17 / 24)), wan.powers, given={"max_frames": 9})
    tried = [
        direct(
            tiny_wan("ti2v"),
            "WanImageToVideoPipeline",
            seed=plan.seed_of(1, attempt),
            image=Image.fromarray(first[-1]),
            num_frames=9,
            guidance_scale=5.0,
            more=more,
        )
        for attempt in range(TRIES)
    ]
    films = [np.concatenate([first, new[1:]]) for new in tried]
    scores = [seam_score(each, 9) for each in films]
    if scores[0] <= BAD:
        assert seam["tries"] == 1
        films, scores = films[:1], scores[:1]
    else:
        assert seam["tries"] == TRIES
    assert seam["score"] == pytest.approx(min(scores), abs=0.01)
    assert np.array_equal(whole, films[scores.index(min(scores))])


def test_a_bad_seam_is_tried_again_and_told(engine: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the score, a try has a seed of its own, and the better one is kept."""
    import tenku.studio.engines.wan as module

    wan, scores, told = engine("ti2v", max_frames=9), iter([9.0, 4.0]), list[Step]()
    monkeypatch.setattr(module, "seam_score", lambda *_: next(scores))
    request = request_of(spec(seconds=17 / 24))
    worse = wan.film(request, desk=Papers(), report=told.append, stop=lambda: False)
    assert worse.facts["seams"] == [{"frame": 9, "score": 4.0, "tries": 2}]
    assert [step.progress for step in told] == [
        Progress(1, 4), Progress(2, 4), Progress(3, 4), Progress(4, 4), Progress(5, 6), Progress(6, 6)
    ]  # fmt: skip
    scores = iter([4.0, 9.0])
    first = wan.film(request, desk=Papers(), report=lambda _: None, stop=lambda: False)
    scores = iter([1.0])
    good = wan.film(request, desk=Papers(), report=lambda _: None, stop=lambda: False)
    assert good.facts["seams"] == [{"frame": 9, "score": 1.0, "tries": 1}]
    assert np.array_equal(first.frames, good.frames)
    assert not np.array_equal(first.frames, worse.frames)
    assert np.array_equal(first.frames[:9], worse.frames[:9])


def test_vace_goes_on_from_several_pictures(engine: Engines, tiny_wan: TinyWan) -> None:
    wan = engine("vace", max_frames=13)
    whole = pictures(wan, seconds=21 / 16)
    assert len(whole) == 21
    first = direct(tiny_wan("vace"), "WanVACEPipeline", num_frames=13, guidance_scale=5.0)
    assert np.array_equal(whole[:13], first)
    grey, white, black = (Image.new("RGB", (SIDE, SIDE), (each,) * 3) for each in (128, 255, 0))
    plan = plan_of(request_of(spec(seconds=21 / 16)), wan.powers, given={"max_frames": 13})
    known = [Image.fromarray(each) for each in first[-5:]]
    nexts = [
        direct(
            tiny_wan("vace"),
            "WanVACEPipeline",
            seed=plan.seed_of(1, attempt),
            video=[*known, *[grey] * 8],
            mask=[*[black] * 5, *[white] * 8],
            num_frames=13,
            guidance_scale=5.0,
        )[5:]
        for attempt in range(TRIES)
    ]
    assert any(np.array_equal(whole[13:], each) for each in nexts)


def test_a_long_video_ends_with_its_last_frame(engine: Engines) -> None:
    """Only the last piece is told it: with it and without it, the piece before is the same."""
    desk, wan = Papers(), engine("i2v-two", max_frames=5)
    first, last = desk.put(png(portrait(1))), desk.put(png(portrait(2)))
    with_last = pictures(wan, desk, image=first, last_image=last, seconds=9 / 16)
    without = pictures(wan, desk, image=first, seconds=9 / 16)
    assert len(with_last) == 9
    assert np.array_equal(with_last[:5], without[:5])
    assert not np.array_equal(with_last[5:], without[5:])


def test_wan_animate_says_where_its_own_rounds_meet(engine: Engines) -> None:
    desk, told = Papers(), list[Step]()
    poses, _ = film(20, 3, fps=30)
    files = {"image": desk.put(png(portrait())), "video": desk.put(poses), "face": desk.put(poses)}
    job = spec(**files, seconds=3, steps=1)
    done = engine("animate", max_frames=9).run(job, desk=desk, report=told.append, stop=lambda: False)
    seams = done.facts["seams"]
    assert isinstance(seams, list)
    assert [seam["frame"] for seam in seams if isinstance(seam, Mapping)] == [9, 17]
    assert [step.progress for step in told] == [Progress(1, 3), Progress(2, 3), Progress(3, 3)]
    check_video(done.outputs[0].data, frames=20, width=SIDE, height=SIDE, fps=30)


def lora(folder: Path, tensors: dict[str, torch.Tensor], name: str = "few.safetensors") -> Path:
    """A LoRA beside a model's weights, where `lora` finds it."""
    place = folder.parent / "loras"
    place.mkdir(exist_ok=True)
    save_file({key: tensor.clone() for key, tensor in tensors.items()}, place / name)
    return place / name


def pair(rank: int = 2, *, seed: int = 3, inner: int = 24) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rank, inner, generator=generator), torch.randn(inner, rank, generator=generator)


def test_a_lora_is_put_on_for_one_job_and_taken_off(engine: Engines, tiny_wan: TinyWan) -> None:
    wan, (down, up) = engine("t2v"), pair()
    names = {"transformer.blocks.0.attn1.to_q.lora_A.weight": down, "transformer.blocks.0.attn1.to_q.lora_B.weight": up}
    lora(tiny_wan("t2v"), names)
    before = pictures(wan)
    changed = pictures(wan, lora="few.safetensors")
    assert not np.array_equal(changed, before)
    assert np.array_equal(pictures(wan), before)

    # The same by weights that have it in them.
    fresh = load(wan_model(tiny_wan("t2v")))
    with torch.no_grad():
        fresh._loaded.pipeline.transformer.blocks[0].attn1.to_q.weight += up @ down
    merged = pictures(fresh)
    assert np.abs(merged.astype(int) - changed).max() <= 1
    assert made(wan, lora="few.safetensors").facts["lora"] == "few.safetensors"


def test_a_lora_as_wans_makers_write_them_is_read_with_its_factor(engine: Engines, tiny_wan: TinyWan) -> None:
    wan, (down, up) = engine("t2v"), pair()
    stem = "diffusion_model.blocks.0.self_attn.q"
    half = {f"{stem}.lora_down.weight": down, f"{stem}.lora_up.weight": up, f"{stem}.alpha": torch.tensor(1.0)}
    lora(tiny_wan("t2v"), half, "theirs.safetensors")
    ours = {"transformer.blocks.0.attn1.to_q.lora_A.weight": down}
    ours |= {"transformer.blocks.0.attn1.to_q.lora_B.weight": up * 0.5}  # alpha 1, rank 2
    lora(tiny_wan("t2v"), ours, "ours.safetensors")
    one, other = pictures(wan, lora="theirs.safetensors"), pictures(wan, lora="ours.safetensors")
    assert np.abs(one.astype(int) - other).max() <= 1
    assert not np.array_equal(one, pictures(wan))


def test_two_loras_are_for_two_transformers(engine: Engines, tiny_wan: TinyWan) -> None:
    wan, key = engine("t2v-two"), "transformer.blocks.0.attn1.to_q.lora_"
    for name, seed in (("high.safetensors", 3), ("low.safetensors", 4)):
        down, up = pair(seed=seed)
        lora(tiny_wan("t2v-two"), {f"{key}A.weight": down, f"{key}B.weight": up}, name)
    both = pictures(wan, lora="high.safetensors,low.safetensors")
    swapped = pictures(wan, lora="low.safetensors,high.safetensors")
    one = pictures(wan, lora="high.safetensors")
    assert len({each.tobytes() for each in (both, swapped, one, pictures(wan))}) == 4
    for names, word in (
        ("high.safetensors," * 2 + "low.safetensors", "two are the most"),
        ("nope.safetensors", "no LoRA"),
    ):
        with pytest.raises(JobError, match=word):
            pictures(wan, lora=names)


def test_a_lora_that_does_not_fit_is_refused_and_harms_nothing(engine: Engines, tiny_wan: TinyWan) -> None:
    wan, folder = engine("t2v"), tiny_wan("t2v")
    before = pictures(wan)
    key = "transformer.blocks.0.attn1.to_q.lora_"
    down, up = pair(inner=8)
    good_down, good_up = pair()
    lora(folder, {f"{key}A.weight": down, f"{key}B.weight": up}, "wide.safetensors")
    lora(folder, {"transformer.blocks.9.attn1.to_q.lora_A.weight": good_down}, "deep.safetensors")
    lora(folder, {"transformer.blocks.0.norm.weight": good_down}, "none.safetensors")
    lora(folder, {f"{key}A.weight": good_down * torch.nan, f"{key}B.weight": good_up}, "nan.safetensors")
    # One layer that fits stands before one that does not: it has to come off again.
    lora(
        folder,
        {f"{key}A.weight": good_down, f"{key}B.weight": good_up, "transformer.x.lora_A.weight": good_down},
        "half.safetensors",
    )
    cut = lora(folder, {f"{key}A.weight": good_down, f"{key}B.weight": good_up}, "cut.safetensors")
    cut.write_bytes(cut.read_bytes()[:-40])
    for name, word in (
        ("wide", "made for another model"),
        ("deep", "made for another model"),
        ("half", "made for another model"),
        ("none", "is no LoRA"),
        ("nan", "NaN"),
        ("cut", "cut.safetensors"),
    ):
        with pytest.raises((JobError, ModelError), match=word):
            pictures(wan, lora=f"{name}.safetensors")
    for name in ("../secret.safetensors", "few.bin", "/etc/passwd"):
        with pytest.raises(JobError, match="name of a safetensors file"):
            pictures(wan, lora=name)
    with pytest.raises(JobError, match="2 LoRAs for 1 transformer"):
        pictures(wan, lora="nan.safetensors,wide.safetensors")
    assert np.array_equal(pictures(wan), before)


def test_another_file_of_the_same_name_is_another_result(tiny_wan: TinyWan) -> None:
    model = wan_model(tiny_wan("i2v"))
    makers = Makers(lambda _: model)
    down, up = pair()
    one = lora(tiny_wan("i2v"), {"a.lora_A.weight": down, "a.lora_B.weight": up}, "one.safetensors")
    lora(tiny_wan("i2v"), {"a.lora_A.weight": up}, "two.safetensors")
    keys = [makers.key(spec(lora=name), model) for name in ("one.safetensors", "one.safetensors,two.safetensors")]
    save_file({"a.lora_A.weight": down, "a.lora_B.weight": up * 2, "more": up}, one)
    keys += [makers.key(spec(lora="one.safetensors"), model), makers.key(spec(), model)]
    assert len(set(keys)) == 4


@pytest.mark.parametrize("name", ["first-block-cache", "cache-dit"])
def test_an_acceleration_is_for_one_job(engine: Engines, name: str) -> None:
    wan = engine("t2v")
    before = pictures(wan, steps=4)
    quick = pictures(wan, steps=4, accelerate=name)
    assert quick.shape == before.shape
    assert np.array_equal(pictures(wan, steps=4), before)


def test_broken_numbers_end_the_job_at_the_step_where_they_break(tiny_wan: TinyWan) -> None:
    broken = load(wan_model(tiny_wan("t2v")))
    with torch.no_grad():
        broken._loaded.pipeline.transformer.blocks[0].attn1.to_q.weight[0, 0] = torch.nan
    with pytest.raises(JobError, match=r"step 1 of 2.*NaN"):
        made(broken)
    blind = load(wan_model(tiny_wan("t2v")))
    with torch.no_grad():
        blind._loaded.pipeline.vae.decoder.conv_out.weight[0, 0] = torch.nan
    with pytest.raises(JobError, match="NaN"):
        made(blind)


class Hum:
    """An engine for sound: a hum, as long as it is asked for."""

    longest_s = 4.0

    def run(self, spec: JobSpec, *, desk: Any, report: Callable[[Step], None], stop: Callable[[], bool]) -> Made:
        del desk, stop
        report(Step(Progress(1, 1)))
        at = np.arange(round(float(str(spec.parameters["seconds"])) * 48000)) / 48000
        wave = (0.3 * np.sin(2 * np.pi * 220 * at)).astype(np.float32)[:, None]
        data = write_sound(wave, 48000, "wav")
        return Made(outputs=(Output(name="s.wav", media_type="audio/wav", data=data),), usage=Usage(seconds=0))

    def close(self) -> None:
        """Nothing is held."""


class Orchestra(Papers):
    """A desk with a model for sound."""

    @contextmanager
    def use(self, model: str) -> Iterator[Engine]:
        assert model == "hum"
        yield Hum()


@pytest.mark.parametrize("codec", ["h264", "av1"])
def test_sound_is_made_beside_the_picture_and_as_long(engine: Engines, codec: str) -> None:
    done = made(engine("t2v"), Orchestra(), sound="a hum", sound_model="hum", codec=codec, steps=1)
    facts = check_video(
        done.outputs[0].data, frames=FRAMES, width=SIDE, height=SIDE, fps=16, codec=codec, sound_s=FRAMES / 16
    )
    assert abs(facts.start_offset_s) < 0.001
    assert abs(facts.end_offset_s) < 0.001
    assert done.facts["sound"] == "made beside the picture"


def test_sound_that_cannot_be_made_is_known_before_the_pictures_are(engine: Engines) -> None:
    told: list[Step] = []
    job = spec(sound="a hum", sound_model="hum")
    with pytest.raises(JobError, match="The model hum cannot be used from here"):
        engine("t2v").run(job, desk=Papers(), report=told.append, stop=lambda: False)
    assert told == []


def test_ten_seconds_with_sound_in_one_file(engine: Engines) -> None:
    """At a rate of 4 a second, so that it is quick; two pieces, and sound in as many as its model needs."""
    wan = engine("ti2v", fps=4, max_frames=21)
    done = made(wan, Orchestra(), seconds=10, steps=1, sound="a hum", sound_model="hum")
    facts = check_video(done.outputs[0].data, frames=41, width=SIDE, height=SIDE, fps=4, sound_s=41 / 4)
    assert facts.seconds == pytest.approx(10.25)
    assert abs(facts.start_offset_s) < 0.001
    assert abs(facts.end_offset_s) < 0.001
    assert done.facts["pieces"] == 2


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"accelerate": "turbo"}, "no acceleration 'turbo'"),
        ({"image": "a" * 64}, "cannot begin from a first frame"),
        ({"seconds": 10}, "cannot go on"),
        ({"width": 72}, "multiple of 16"),
        ({"negative": "x" * 600}, "negative prompt has 602 tokens, and this model reads 512"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_computed(
    engine: Engines, parameters: dict[str, Any], word: str
) -> None:
    with pytest.raises(JobError, match=word):
        made(engine("t2v"), **parameters)


def test_files_that_are_broken_are_named(engine: Engines) -> None:
    desk = Papers()
    text, cut = desk.put(b"no picture"), desk.put(film(9, 1)[0][:-50])
    with pytest.raises(JobError, match="The first frame cannot be read"):
        made(engine("i2v"), desk, image=text)
    with pytest.raises(JobError, match="The video is cut off"):
        made(engine("vace"), desk, video=cut)
    short, long = desk.put(film(3, 1)[0]), desk.put(film(9, 1)[0])
    with pytest.raises(JobError, match="The mask has 3 pictures, and the video 9"):
        made(engine("vace"), desk, video=long, mask=short)


def test_a_frame_of_another_size_is_cut_and_not_stretched(engine: Engines) -> None:
    desk = Papers()
    wide = Image.new("RGB", (4 * SIDE, 2 * SIDE), "black")
    wide.paste((255, 255, 255), (SIDE - 20, 0, 3 * SIDE + 20, 2 * SIDE))
    all_white = desk.put(png(Image.new("RGB", (SIDE, SIDE), "white")))
    clear = desk.put(png(Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0))))  # what is transparent lies on white
    base = pictures(engine("i2v"), desk, image=all_white)
    assert np.array_equal(pictures(engine("i2v"), desk, image=desk.put(png(wide))), base)
    assert np.array_equal(pictures(engine("i2v"), desk, image=clear), base)


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"last_image": "a" * 64}, "A last frame needs a first one"),
        ({"mask": "a" * 64}, "A mask needs the video"),
        ({"seconds": 11}, "from 0.1 to 10"),
        ({"strength": 2}, "strength"),
        ({"codec": "h265"}, "h264, av1, vp9"),
        ({"wings": 2}, "no parameter 'wings'"),
    ],
)
def test_a_video_job_that_makes_no_sense_is_refused(parameters: dict[str, Any], word: str) -> None:
    with pytest.raises(JobError, match=word):
        request_of(spec(**parameters))


def test_less_precise_weights_are_the_models_choice(tiny_wan: TinyWan) -> None:
    """fp8 storage and bf16 come from the loading; the video stays near, and the file is still right."""
    exact, near = (
        pictures(load(wan_model(tiny_wan("t2v")))),
        pictures(load(wan_model(tiny_wan("t2v"), dtype="bfloat16"))),
    )
    assert not np.array_equal(exact, near)
    assert np.abs(exact.astype(int) - near).mean() < 8
    small = load(wan_model(tiny_wan("t2v"), storage="fp8"))
    assert np.abs(exact.astype(int) - pictures(small)).mean() < 16
    assert len(read_frames(made(small).outputs[0].data).frames) == FRAMES
