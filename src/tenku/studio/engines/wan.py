"""Videos by Wan 2.1 and 2.2, with diffusers: from words, frames, videos with masks, and motion."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from tenku.base.errors import CancelledJob, JobError, ModelError
from tenku.studio.diffusion.accelerations import accelerated, check_acceleration
from tenku.studio.diffusion.folder import INDEX, read_json
from tenku.studio.diffusion.loaded import Loaded
from tenku.studio.diffusion.loading import load_pipeline
from tenku.studio.diffusion.memory import PeakMemory
from tenku.studio.diffusion.room import Offload
from tenku.studio.diffusion.steps import Steps
from tenku.studio.diffusion.tokens import check_prompt
from tenku.studio.lora import lora_paths
from tenku.studio.media.checkvideo import check_video
from tenku.studio.media.samples import Samples
from tenku.studio.media.writevideo import Frames, write_video
from tenku.studio.model import InstalledModel, JobSpec, Json, Output, Progress, Usage
from tenku.studio.ports import Desk, Made, Step
from tenku.studio.video.calls import arguments, rounds, segment_of, way_of_piece
from tenku.studio.video.given import Given, read_given
from tenku.studio.video.length import STRIDE, retimed
from tenku.studio.video.lora import with_loras
from tenku.studio.video.plan import TRIES, Plan, own_fps, plan_of
from tenku.studio.video.powers import PIPELINES, Powers, Way, powers_of, way_of
from tenku.studio.video.preview import Preview
from tenku.studio.video.seam import BAD, NEAR, seam_score
from tenku.studio.videojob import VideoRequest, request_of

EXACT = ("vae", "image_encoder")
"""In fp32 on every device, as Wan's makers have them: bf16 blurs what they see and draw."""
MOST_TOKENS = 512
"""That Wan reads of a prompt."""


def load(model: InstalledModel) -> "Wan":
    """Load a Wan model's folder. Raises ModelError."""
    loaded = load_pipeline(model, classes=PIPELINES, exact=EXACT)
    vae = loaded.folder.config("vae")
    if int(vae.get("scale_factor_temporal") or STRIDE) != STRIDE:
        raise ModelError(f"{model.name} has a VAE that is none of Wan's.", hint="Add it again.")
    transformer = "transformer" if "transformer" in loaded.folder.parts else "transformer_2"
    powers = powers_of(
        model.name,
        loaded.folder.pipeline,
        settings=read_json(loaded.folder.path / INDEX),
        transformer=loaded.folder.config(transformer),
        vae=vae,
    )
    return Wan(model, loaded, powers)


@dataclass(frozen=True, eq=False)
class Film:
    """Pictures that were made.

    Args:
        frames: uint8, (N, height, width, 3).
        fps: what they were made for.
        facts: what the provenance is to say of them.
    """

    frames: Frames
    fps: int
    facts: Mapping[str, Json]


class Wan:
    """The `Engine` of one Wan model.

    Args:
        clock: seconds that only rise; previews go by it.
    """

    def __init__(
        self, model: InstalledModel, loaded: Loaded, powers: Powers, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._model = model
        self._loaded = loaded
        self.powers = powers

    def run(self, spec: JobSpec, *, desk: Desk, report: Callable[[Step], None], stop: Callable[[], bool]) -> Made:
        """See `Engine`. Makes `video.mp4`."""
        began, request = time.monotonic(), request_of(spec)
        with PeakMemory(self._loaded.room.device) as memory:
            plan, given = self._planned(request, desk)
            order = retimed(plan.frames, made=plan.fps, shown=plan.shown)
            # Sound first: it takes seconds, and speech that is too long is known before the pictures take minutes.
            sound, heard = self._sound(request, len(order) / plan.shown, desk, report, stop)
            film = self._film(request, plan, given, report, stop)
        data = write_video(film.frames[order], fps=plan.shown, codec=request.codec, sound=sound)
        check_video(
            data,
            frames=len(order),
            width=request.width,
            height=request.height,
            fps=plan.shown,
            codec=request.codec,
            sound_s=sound.seconds if sound is not None else None,
        )
        return Made(
            outputs=(Output(name="video.mp4", media_type="video/mp4", data=data),),
            usage=Usage(seconds=time.monotonic() - began, memory=memory.bytes),
            facts={**film.facts, "frames": len(order), "fps": plan.shown, **heard},
        )

    def film(
        self, request: VideoRequest, *, desk: Desk, report: Callable[[Step], None], stop: Callable[[], bool]
    ) -> Film:
        """The pictures alone, in all their pieces. Raises JobError, CancelledJob."""
        plan, given = self._planned(request, desk)
        return self._film(request, plan, given, report, stop)

    def _planned(self, request: VideoRequest, desk: Desk) -> tuple[Plan, Given]:
        """How a job is done, and what came with it; all that can be wrong with it is found here."""
        way_of(request, self.powers)  # before anything that came with it is read
        check_acceleration(request.accelerate)
        lora_paths(self._model, request.lora)
        given = read_given(request, desk.input, fps=own_fps(self._model.parameters, self.powers))
        plan = plan_of(request, self.powers, given=self._model.parameters, there=given.there)
        for text, what in ((request.prompt, "prompt"), (plan.negative, "negative prompt")):
            check_prompt(self._loaded.pipeline.tokenizer, text, most=MOST_TOKENS, what=what)
        return plan, given

    def _film(
        self,
        request: VideoRequest,
        plan: Plan,
        given: Given,
        report: Callable[[Step], None],
        stop: Callable[[], bool],
    ) -> Film:
        with with_loras(self._loaded.pipeline, lora_paths(self._model, request.lora)):
            frames, seams = _Work(self, request, plan, given, report, stop).all()
        facts: dict[str, Json] = {"way": plan.way.name.lower(), "made_fps": plan.fps, "pieces": len(plan.pieces)}
        if seams:
            facts["seams"] = seams
        if request.lora:
            facts["lora"] = request.lora
        return Film(frames, plan.fps, facts)

    def piece(
        self, way: Way, call: Mapping[str, Any], *, seed: int, accelerate: str, steps: Callable[..., Any]
    ) -> Frames:
        """One call of a pipeline of diffusers: uint8, (N, height, width, 3). Raises JobError, CancelledJob."""
        pipeline = self._pipeline(way)

        def work(pipe: Any) -> Any:
            # On the processor, as diffusers has it: the same seed is the same noise on every device.
            generator = torch.Generator("cpu").manual_seed(seed)
            with accelerated(pipe, accelerate):
                return pipe(**call, generator=generator, callback_on_step_end=steps(pipe)).frames[0]

        made = self._loaded.run(work, pipeline=pipeline)
        if not np.isfinite(made).all():
            raise JobError(
                "The pictures hold numbers that are none (NaN).",
                hint="Try another seed, or give the model another dtype: float32.",
            )
        frames: Frames = np.clip(np.rint(made * 255.0), 0, 255).astype(np.uint8)
        return frames

    def steps(self, pipe: Any, *, total: int, report: Callable[[Step], None], stop: Callable[[], bool]) -> Steps:
        """What a pipeline tells its steps to."""
        preview = Preview(pipe, decode=self._loaded.offload is Offload.NONE, clock=self._clock)
        return Steps(report=report, stop=stop, total=total, preview=preview, clock=self._clock)

    def close(self) -> None:
        """See `Engine`."""
        self._loaded.close()

    def _pipeline(self, way: Way) -> Any:
        if way.value == self._loaded.folder.pipeline:
            return self._loaded.pipeline
        config = self._loaded.pipeline.config
        more = {"expand_timesteps": bool(config.get("expand_timesteps"))} if way in (Way.TEXT, Way.FRAME) else {}
        return self._loaded.sibling(way.value, **more)

    def _sound(
        self,
        request: VideoRequest,
        seconds: float,
        desk: Desk,
        report: Callable[[Step], None],
        stop: Callable[[], bool],
    ) -> tuple[Samples | None, Mapping[str, Json]]:
        if not request.sound and not request.speech:
            return None, {}
        # Loaded where it is wanted: most videos have no sound.
        from tenku.studio.soundtrack.make import make_soundtrack

        return make_soundtrack(request, seconds=seconds, desk=desk, report=report, stop=stop)


class _Work:
    """One job's pieces, one after the other."""

    def __init__(
        self,
        engine: Wan,
        request: VideoRequest,
        plan: Plan,
        given: Given,
        report: Callable[[Step], None],
        stop: Callable[[], bool],
    ) -> None:
        self._engine = engine
        self._request = request
        self._plan = plan
        self._given = given
        self._report = report
        self._stop = stop
        self._done = 0
        self._rounds = rounds(plan, request)
        self._total = sum(self._rounds)

    def all(self) -> tuple[Frames, list[Json]]:
        """All pictures, and what is to be said of the seams."""
        made = self._piece(0, 0, None)
        seams: list[Json] = []
        for number in range(1, len(self._plan.pieces)):
            new, seam = self._fitting(number, made)
            made = np.concatenate([made, new])
            seams.append(seam)
        if self._plan.way is Way.ANIMATE:
            first = segment_of(self._plan)
            seams = [_seam(made, at) for at in range(first, len(made), first - 1)]
        return made, seams

    def _fitting(self, number: int, before: Frames) -> tuple[Frames, Json]:
        """The new pictures of a piece; of several tries the one that fits best."""
        tries = []
        for attempt in range(TRIES):
            if attempt:
                self._total += self._rounds[number]
            new = self._piece(number, attempt, before)[self._plan.pieces[number].known :]
            near = np.concatenate([before[-NEAR - 1 :], new[: NEAR + 1]])
            score = seam_score(near, min(len(before), NEAR + 1))
            tries.append((score, attempt, new))
            if score <= BAD:
                break
        score, attempt, new = min(tries, key=lambda each: each[:2])
        seam: dict[str, Json] = {"frame": len(before), "score": round(score, 2), "tries": len(tries)}
        return new, seam

    def _piece(self, number: int, attempt: int, before: Frames | None) -> Frames:
        if self._stop():
            raise CancelledJob(f"It was ended after {self._done} steps.")
        way = way_of_piece(self._plan, self._engine.powers, number)
        call = arguments(self._request, self._plan, self._given, number=number, way=way, before=before)
        begun = self._done

        def steps(pipe: Any) -> Steps:
            self._done = begun  # where memory ran out, the piece begins again
            return self._engine.steps(pipe, total=self._total, report=self._told, stop=self._stop)

        made = self._engine.piece(
            way, call, seed=self._plan.seed_of(number, attempt), accelerate=self._request.accelerate, steps=steps
        )
        return made[: self._plan.pieces[number].frames]

    def _told(self, step: Step) -> None:
        self._done += 1
        self._report(replace(step, progress=Progress(self._done, self._total)))


def _seam(frames: Frames, at: int) -> Json:
    return {"frame": at, "score": round(seam_score(frames, at), 2), "tries": 1}
