"""Effects and ambience by diffusers' pipelines: equal to a direct call, told step by step, ended, and refused."""

import json
import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch

from studio_tiny_audio import Tiny, sound_model
from studio_tiny_audio import tiny_sound as tiny_sound
from tenku.base.errors import CancelledJob, JobError, MachineError, ModelError
from tenku.studio.desk import EmptyDesk
from tenku.studio.diffusion.quiet import quiet
from tenku.studio.engines.audio import AudioEngine, load
from tenku.studio.engines.pump import never
from tenku.studio.media.readback import read_back
from tenku.studio.media.readsound import read_sound
from tenku.studio.media.writesound import write_sound
from tenku.studio.model import JobSpec, Json, Kind
from tenku.studio.ports import Made, Step
from tenku.studio.soundtrack.loudness import CEILING, below_ceiling

NAMES = {
    "stable-audio": ("StableAudioPipeline", "audio_end_in_s"),
    "audioldm2": ("AudioLDM2Pipeline", "audio_length_in_s"),
}


@pytest.fixture(scope="module")
def stable(tiny_sound: Tiny) -> AudioEngine:
    return load(sound_model(tiny_sound("stable-audio")))


def spec(**parameters: Json) -> JobSpec:
    given: dict[str, Json] = {"seconds": 1.0, "steps": 2, **parameters}
    return JobSpec(kind=Kind.SOUND, model="tiny", prompt="wind in wings", parameters=given, seed=3)


def make(engine: AudioEngine, job: JobSpec, steps: list[Step] | None = None) -> Made:
    return engine.run(job, desk=EmptyDesk(), report=(steps if steps is not None else []).append, stop=never)


def direct(folder: Path, name: str) -> tuple["np.ndarray[Any, Any]", int]:
    """What diffusers alone makes of the same job: (n, channels) and its rate."""
    kind, length = NAMES[name]
    with quiet():
        pipe: Any = getattr(diffusers, kind).from_pretrained(str(folder))
        pipe.set_progress_bar_config(disable=True)
        generator = torch.Generator("cpu").manual_seed(3)
        more: Any = {length: 1.0}
        audio = pipe("wind in wings", num_inference_steps=2, generator=generator, output_type="pt", **more).audios[0]
    rate = pipe.vae.sampling_rate if name == "stable-audio" else pipe.vocoder.config.sampling_rate
    return np.atleast_2d(audio.numpy()).T, rate


@pytest.mark.parametrize("name", NAMES)
def test_a_sound_equals_a_direct_call_bit_for_bit(tiny_sound: Tiny, name: str) -> None:
    folder = tiny_sound(name)
    engine = load(sound_model(folder))
    steps: list[Step] = []
    made = make(engine, spec(), steps)
    sound, rate = direct(folder, name)
    assert made.outputs[0].data == write_sound(below_ceiling(sound)[0], rate)
    assert made.outputs[0].name == "sound.wav"
    assert [(step.progress.done, step.progress.total) for step in steps] == [(1, 2), (2, 2)]
    assert len(read_sound(made.outputs[0].data).data) == rate
    assert made.outputs[0].data == make(engine, spec()).outputs[0].data
    assert made.outputs[0].data != make(engine, replace(spec(), seed=4)).outputs[0].data
    engine.close()


@pytest.mark.parametrize(("format", "codec"), [("wav", "pcm_s16le"), ("flac", "flac"), ("opus", "opus")])
def test_each_format_is_what_it_says(stable: AudioEngine, format: str, codec: str) -> None:
    output = make(stable, spec(format=format, seconds=0.5)).outputs[0]
    found = read_back(output.data)
    assert found.sound is not None
    assert (output.name, found.sound.codec, found.sound.channels) == (f"sound.{format}", codec, 2)
    assert found.seconds == pytest.approx(0.5, abs=0.01)


def test_nothing_is_cut_off(stable: AudioEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that makes it too loud is turned down as a whole, and the facts say by how much."""
    real = stable._made
    monkeypatch.setattr(stable, "_made", lambda request, steps: real(request, steps) * 20)
    made = make(stable, spec())
    turned = made.facts["turned_down_db"]
    assert isinstance(turned, float)
    assert turned > 6
    assert np.abs(read_sound(made.outputs[0].data).data).max() == pytest.approx(CEILING, abs=1e-3)


@pytest.mark.parametrize(
    ("part", "factor", "says"), [("vae", 0.0, "is silence: -200 dB"), ("transformer", float("nan"), "NaN or infinity")]
)
def test_silence_and_nan_are_told(tiny_sound: Tiny, part: str, factor: float, says: str) -> None:
    engine = load(sound_model(tiny_sound("stable-audio")))
    broken: Any = getattr(engine._loaded.pipeline, part)
    with torch.no_grad():
        for name, parameter in broken.named_parameters():
            if factor or name.endswith(
                ("weight_g", "original0", "bias")
            ):  # what a weight's direction is multiplied with
                parameter.mul_(factor)
    with pytest.raises(JobError, match=says) as caught:
        make(engine, spec())
    assert "seed" in caught.value.hint


def test_nan_that_the_last_part_makes_is_told(tiny_sound: Tiny) -> None:
    engine = load(sound_model(tiny_sound("stable-audio")))
    with torch.no_grad():
        for parameter in engine._loaded.pipeline.vae.parameters():
            parameter.fill_(float("nan"))
    with pytest.raises(JobError, match="holds numbers that are none"):
        make(engine, spec())


def test_a_cancel_is_seen_within_a_step(stable: AudioEngine) -> None:
    steps: list[Step] = []
    with pytest.raises(CancelledJob):
        stable.run(spec(steps=50), desk=EmptyDesk(), report=steps.append, stop=lambda: len(steps) == 3)
    assert len(steps) == 3
    make(stable, spec())  # and the next job is done as if nothing had been


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"seconds": 30}, r"makes 4\.096 s of sound at most, not 30 s"),
        ({"voice": "x"}, "has no parameter 'voice'"),
        ({"format": "mp3"}, "one of wav, flac, opus"),
        ({"negative": "x" * 100}, "negative prompt has 10. tokens, and this model reads 64"),
    ],
)
def test_what_cannot_be_made_is_refused(stable: AudioEngine, parameters: dict[str, Json], says: str) -> None:
    with pytest.raises(JobError, match=says):
        make(stable, spec(**parameters))


def test_a_prompt_that_would_be_cut_off_is_refused(stable: AudioEngine) -> None:
    with pytest.raises(JobError, match=r"The prompt has 10. tokens"):
        make(stable, replace(spec(), prompt="x" * 100))


def test_other_models_are_no_sound_models(tiny_sound: Tiny) -> None:
    with pytest.raises(ModelError, match=r"LTX2Pipeline.*not known here"):
        load(sound_model(tiny_sound("ltx2")))
    with pytest.raises(ModelError, match="has the steps 'many'"):
        load(sound_model(tiny_sound("stable-audio"), steps="many"))


def test_a_scheduler_without_its_library_is_told(tiny_sound: Tiny, tmp_path: Path) -> None:
    """Stable Audio Open's makes its noise with torchsde."""
    folder = tmp_path / "open"
    shutil.copytree(tiny_sound("stable-audio"), folder)
    index = json.loads((folder / "model_index.json").read_text())
    index["scheduler"] = ["diffusers", "CosineDPMSolverMultistepScheduler"]
    (folder / "model_index.json").write_text(json.dumps(index))
    config = folder / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace("EDMDPMSolver", "CosineDPMSolver"))
    if find_spec("torchsde") is None:
        with pytest.raises(MachineError, match="needs torchsde") as caught:
            load(sound_model(folder))
        assert caught.value.hint == "Run: pip install torchsde"
    else:
        engine = load(sound_model(folder))
        assert make(engine, spec()).outputs[0].data == make(engine, spec()).outputs[0].data
