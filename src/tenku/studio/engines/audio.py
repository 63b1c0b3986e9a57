"""Effects and ambience by a sound pipeline of diffusers: Stable Audio, AudioLDM 2."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tenku.base.errors import JobError, MachineError, ModelError
from tenku.studio.diffusion.folder import INDEX, read_json
from tenku.studio.diffusion.loaded import Loaded
from tenku.studio.diffusion.loading import load_pipeline
from tenku.studio.diffusion.memory import PeakMemory
from tenku.studio.diffusion.steps import Steps
from tenku.studio.diffusion.tokens import check_prompt
from tenku.studio.media.codecs import SOUND
from tenku.studio.media.writesound import write_sound
from tenku.studio.model import InstalledModel, JobSpec, Json, Output, Usage
from tenku.studio.ports import Desk, Made, Step
from tenku.studio.soundjob import SoundRequest, request_of
from tenku.studio.soundtrack.loudness import Sound, below_ceiling, check_heard
from tenku.studio.soundtrack.mixing import fitted


@dataclass(frozen=True, kw_only=True)
class _Way:
    """How one kind of pipeline is called."""

    length: str
    """What it calls the seconds."""
    steps: int
    guidance: float
    """What its makers take."""
    longest_s: Callable[[Any], float]
    rate: Callable[[Any], int]


WAYS: Mapping[str, _Way] = {
    "StableAudioPipeline": _Way(
        length="audio_end_in_s",
        steps=100,
        guidance=7.0,
        longest_s=lambda pipe: pipe.transformer.config.sample_size * pipe.vae.hop_length / pipe.vae.sampling_rate,
        rate=lambda pipe: int(pipe.vae.sampling_rate),
    ),
    "AudioLDM2Pipeline": _Way(
        length="audio_length_in_s",
        steps=200,
        guidance=3.5,
        # It can be asked for any length, and was trained on 10.24 s; far beyond that it only repeats itself.
        longest_s=lambda _: 20.48,
        rate=lambda pipe: int(pipe.vocoder.config.sampling_rate),
    ),
}


WITH_NOISE = ("CosineDPMSolverMultistepScheduler", "DPMSolverSDEScheduler")
"""Schedulers, Stable Audio Open's among them, whose noise torchsde makes."""


def load(model: InstalledModel) -> "AudioEngine":
    """The engine for a folder in the layout of diffusers. Raises ModelError.

    Parameters: those of `load_pipeline`, and `steps`, `guidance` and `longest_s` in place of what is usual.
    """
    _check_scheduler(model)
    return AudioEngine(load_pipeline(model, classes=tuple(WAYS)))


def _check_scheduler(model: InstalledModel) -> None:
    """Raises MachineError: its scheduler makes its noise with a library that is not here."""
    index = Path(model.path) / INDEX
    scheduler = read_json(index).get("scheduler") if index.is_file() else None
    if isinstance(scheduler, list) and scheduler[-1] in WITH_NOISE and find_spec("torchsde") is None:
        raise MachineError(
            f"{model.name} has the scheduler {scheduler[-1]}, which needs torchsde.", hint="Run: pip install torchsde"
        )


class AudioEngine:
    """One model that makes sound."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._way = WAYS[loaded.folder.pipeline]
        self._given = loaded.model.parameters
        pipeline = loaded.pipeline
        if loaded.folder.config("text_encoder_2").get("model_type") == "vits":
            raise ModelError(f"{loaded.model.name} makes speech, not sound.", hint="Take an AudioLDM 2 for sound.")
        self.rate = self._way.rate(pipeline)
        self._steps = int(self._number("steps", self._way.steps))
        self._guidance = self._number("guidance", self._way.guidance)
        self.longest_s = self._number("longest_s", self._way.longest_s(pipeline))
        """Seconds of the longest sound at once."""

    def run(self, spec: JobSpec, *, desk: Desk, report: Callable[[Step], None], stop: Callable[[], bool]) -> Made:  # noqa: ARG002
        """See `Engine.run`. One output, `sound.wav`, `.flac` or `.opus`."""
        began = time.monotonic()
        request = request_of(spec)
        self._check(request)
        with PeakMemory(self._loaded.room.device) as memory:
            sound = self._made(request, Steps(report=report, stop=stop, total=request.steps or self._steps))
        level = check_heard(sound, what=f"What {self._loaded.model.name} made")
        sound, turned_db = below_ceiling(sound)
        facts: dict[str, Json] = {"rate": self.rate, "channels": sound.shape[1], "mean_db": round(level.mean_db, 1)}
        if turned_db:
            facts["turned_down_db"] = round(-turned_db, 1)
        how = SOUND[request.format]
        data = write_sound(sound, self.rate, request.format)
        output = Output(name=f"sound.{how.ending}", media_type=how.media_type, data=data)
        usage = Usage(seconds=time.monotonic() - began, memory=memory.bytes)
        return Made(outputs=(output,), usage=usage, facts=facts)

    def close(self) -> None:
        """Free the memory."""
        self._loaded.close()

    def _made(self, request: SoundRequest, steps: Steps) -> Sound:
        """(n, channels), as the model makes it."""

        def work(pipeline: Any) -> Any:
            steps.done = 0
            return pipeline(
                prompt=request.prompt,
                negative_prompt=request.negative or None,
                num_inference_steps=request.steps or self._steps,
                guidance_scale=self._guidance if request.guidance < 0 else request.guidance,
                generator=torch.Generator("cpu").manual_seed(request.seed % 2**63),
                callback=lambda step, timestep, latents: steps(pipeline, step, timestep, {"latents": latents}),
                output_type="pt",
                **{self._way.length: request.seconds},
            ).audios

        audio: Any = self._loaded.run(work)[0].float().cpu().numpy()
        sound = np.ascontiguousarray(np.atleast_2d(audio).T)
        return fitted(sound, round(request.seconds * self.rate))

    def _check(self, request: SoundRequest) -> None:
        if request.seconds > self.longest_s:
            raise JobError(
                f"{self._loaded.model.name} makes {self.longest_s:.4g} s of sound at most, not {request.seconds:g} s.",
                hint="Ask for less; a video's sound track is put together from pieces.",
            )
        for name, part in self._loaded.pipeline.components.items():
            if name.startswith("tokenizer"):
                check_prompt(part, request.prompt, most=part.model_max_length)
                check_prompt(part, request.negative, most=part.model_max_length, what="negative prompt")

    def _number(self, name: str, usual: float) -> float:
        value = self._given.get(name, usual)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1000:
            raise ModelError(
                f"{self._loaded.model.name} has the {name} {str(value)[:80]!r}, which is no sensible number.",
                hint="Add it again.",
            )
        return value
