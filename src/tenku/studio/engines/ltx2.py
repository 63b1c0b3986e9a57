"""Video with stereo sound in one pass by LTX-2, with diffusers: from words, a first frame, and a last one."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.ltx2 import LTX2LatentUpsamplerModel, LTX2VideoCondition

from tenku.base.errors import JobError, ModelError
from tenku.studio.diffusion.accelerations import accelerated, check_acceleration
from tenku.studio.diffusion.loaded import Loaded
from tenku.studio.diffusion.loading import load_pipeline
from tenku.studio.diffusion.memory import PeakMemory
from tenku.studio.diffusion.quiet import quiet
from tenku.studio.diffusion.room import Offload
from tenku.studio.diffusion.steps import Steps
from tenku.studio.diffusion.tensorfile import read_tensor_file
from tenku.studio.diffusion.tokens import check_prompt
from tenku.studio.engines.ltx2plan import PIPELINES, Plan, Way, plan_of, usual_of
from tenku.studio.media.checkvideo import check_video
from tenku.studio.media.poster import png_of
from tenku.studio.media.samples import Samples
from tenku.studio.media.writevideo import Frames, write_video
from tenku.studio.model import InstalledModel, JobSpec, Json, Output, Usage
from tenku.studio.ports import Desk, Made, Step
from tenku.studio.soundtrack.loudness import SILENCE_DB, below_ceiling, level_of
from tenku.studio.soundtrack.mixing import fitted
from tenku.studio.soundtrack.words import wants_sound
from tenku.studio.video.given import Given, read_given
from tenku.studio.video.preview import LONGEST, patterns
from tenku.studio.videojob import VideoRequest, request_of

MOST_TOKENS = 1024
"""That LTX-2 reads of a prompt."""
UPSAMPLER = "latent_upsampler"
ONE_PASS = "in one pass"


def load(model: InstalledModel) -> "Ltx2":
    """The engine for LTX-2's folder. Raises ModelError.

    Parameters: those of `load_pipeline`; `fps`, `steps`, `guidance` and `negative` in place of what is usual;
    `distilled` (its weights are the distilled ones); and `upsample` (made at half the size, and enlarged by the
    folder's `latent_upsampler`).
    """
    usual = usual_of(model.name, model.parameters)
    loaded = load_pipeline(model, classes=PIPELINES)
    return Ltx2(model, loaded, _upsampler(loaded) if usual.upsample else None)


class Ltx2:
    """The `Engine` of one LTX-2 model."""

    def __init__(self, model: InstalledModel, loaded: Loaded, upsampler: Any) -> None:
        self._model = model
        self._loaded = loaded
        self._usual = usual_of(model.name, model.parameters)
        self._upsampler = upsampler

    def run(self, spec: JobSpec, *, desk: Desk, report: Callable[[Step], None], stop: Callable[[], bool]) -> Made:
        """See `Engine`. Makes `video.mp4`, with sound where any is wanted."""
        began, request = time.monotonic(), request_of(spec)
        plan = plan_of(request, self._usual, model=self._model.name)
        check_acceleration(request.accelerate)
        self._check_prompts(plan)
        given = read_given(request, desk.input, fps=plan.fps)
        with PeakMemory(self._loaded.room.device) as memory:
            pictures, audio = self._made(request, plan, given, report, stop)
        frames = _frames(pictures)
        sound, heard = self._sound(audio, plan) if wants_sound(request) else (None, {"sound": "none"})
        data = write_video(frames, fps=plan.fps, codec=request.codec, sound=sound)
        check_video(
            data,
            frames=plan.frames,
            width=request.width,
            height=request.height,
            fps=plan.fps,
            codec=request.codec,
            sound_s=sound.seconds if sound is not None else None,
        )
        facts: dict[str, Json] = {"way": plan.way.name.lower(), "frames": plan.frames, "fps": plan.fps, **heard}
        if plan.upsample:
            facts["upsampled_from"] = f"{plan.width}x{plan.height}"
        return Made(
            outputs=(Output(name="video.mp4", media_type="video/mp4", data=data),),
            usage=Usage(seconds=time.monotonic() - began, memory=memory.bytes),
            facts=facts,
        )

    def close(self) -> None:
        """Free the memory."""
        self._upsampler = None
        self._loaded.close()

    def _made(
        self,
        request: VideoRequest,
        plan: Plan,
        given: Given,
        report: Callable[[Step], None],
        stop: Callable[[], bool],
    ) -> tuple[Any, torch.Tensor]:
        """Pictures (frames, height, width, 3) from 0 to 1, and sound (channels, n)."""
        known = _known(plan.way, given)

        def work(pipe: Any) -> tuple[Any, torch.Tensor]:
            # On the processor, as diffusers has it: the same seed is the same noise on every device.
            generator = torch.Generator("cpu").manual_seed(request.seed % 2**63)
            steps = Steps(report=report, stop=stop, total=plan.steps, preview=self._preview(pipe, plan))
            kind = "latent" if plan.upsample else "np"
            with accelerated(pipe, request.accelerate):
                made = pipe(**plan.call, **known, generator=generator, callback_on_step_end=steps, output_type=kind)
            if not plan.upsample:
                return made.frames[0], made.audio[0]
            return self._enlarged(pipe, made.frames)[0], _decoded_sound(pipe, made.audio)[0]

        return self._loaded.run(work, pipeline=self._pipeline(plan.way))

    def _pipeline(self, way: Way) -> Any:
        if way.value == self._loaded.folder.pipeline:
            return self._loaded.pipeline
        return self._loaded.sibling(way.value)

    def _check_prompts(self, plan: Plan) -> None:
        tokenizer = self._loaded.pipeline.tokenizer
        check_prompt(tokenizer, plan.call["prompt"], most=MOST_TOKENS)
        check_prompt(tokenizer, plan.call["negative_prompt"] or "", most=MOST_TOKENS, what="negative prompt")

    def _sound(self, audio: torch.Tensor, plan: Plan) -> tuple[Samples, dict[str, Json]]:
        """The sound, exactly as long as the pictures, and what is to be said of it. Raises JobError."""
        rate = int(self._loaded.pipeline.vocoder.config.output_sampling_rate)
        made = np.ascontiguousarray(audio.float().cpu().numpy().T)
        if not np.isfinite(made).all():
            raise _broken("The sound")
        level = level_of(made)
        sound, turned_db = below_ceiling(fitted(made, round(plan.seconds * rate)))
        facts: dict[str, Json] = {"sound": ONE_PASS, "mean_db": round(level.mean_db, 1)}
        if level.mean_db < SILENCE_DB:
            facts["sound"] = f"{ONE_PASS}, and nothing can be heard"
        if turned_db:
            facts["turned_down_db"] = round(-turned_db, 1)
        return Samples(sound, rate), facts

    def _enlarged(self, pipe: Any, latents: torch.Tensor) -> Any:
        """Pictures twice as wide and high, of latents in the VAE's own scale."""
        vae, device = pipe.vae, pipe._execution_device
        self._upsampler.to(device)
        with torch.no_grad():
            large = self._upsampler(latents.to(device, self._upsampler.dtype))
            self._upsampler.to("cpu")
            pictures = vae.decode(large.to(vae.dtype), _moment(vae, large), return_dict=False)[0]
        return pipe.video_processor.postprocess_video(pictures, output_type="np")

    def _preview(self, pipe: Any, plan: Plan) -> Callable[[torch.Tensor], bytes]:
        """PNG of the picture in the middle; see `video.preview`."""
        decodes = self._loaded.offload is Offload.NONE and not pipe.vae.config.timestep_conditioning
        size = (
            (plan.frames - 1) // pipe.vae_temporal_compression_ratio + 1,
            plan.height // pipe.vae_spatial_compression_ratio,
            plan.width // pipe.vae_spatial_compression_ratio,
        )

        def preview(latents: torch.Tensor) -> bytes:
            # Frames that are given may stand behind the video's own latents.
            own = latents[:1, : size[0] * size[1] * size[2]]
            moments = pipe._unpack_latents(
                own, *size, pipe.transformer_spatial_patch_size, pipe.transformer_temporal_patch_size
            )
            middle = moments[:, :, size[0] // 2 :][:, :, :1]
            if not decodes:
                return png_of(patterns(middle[0, :, 0].float()), longest=LONGEST)
            vae = pipe.vae
            with torch.no_grad():
                clean = pipe._denormalize_latents(middle, vae.latents_mean, vae.latents_std, vae.config.scaling_factor)
                picture = vae.decode(clean.to(vae.dtype), None, return_dict=False)[0]
            shown = pipe.video_processor.postprocess_video(picture, output_type="np")[0]
            return png_of(_frames(shown, check=False)[0], longest=LONGEST)

        return preview


def _known(way: Way, given: Given) -> dict[str, Any]:
    """What a pipeline is told of frames."""
    match way:
        case Way.TEXT:
            return {}
        case Way.FRAME:
            return {"image": given.image}
        case Way.FRAMES:
            first = LTX2VideoCondition(frames=given.image, index=0)
            return {"conditions": [first, LTX2VideoCondition(frames=given.last, index=-1)]}


def _upsampler(loaded: Loaded) -> Any:
    """The part that makes latents larger; it waits in main memory. Raises ModelError."""
    folder: Path = loaded.folder.path / UPSAMPLER
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelError(
            f"{loaded.model.name} is to be enlarged, and its folder has no {UPSAMPLER}.",
            hint="Bring a folder with one, or add the model without upsample.",
        )
    for file in files:
        read_tensor_file(file)
    try:
        with quiet():
            return LTX2LatentUpsamplerModel.from_pretrained(
                str(folder), torch_dtype=loaded.pipeline.vae.dtype, local_files_only=True, use_safetensors=True
            ).eval()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        words = " ".join(str(error).split())[:300]
        raise ModelError(f"{folder} cannot be loaded: {words}", hint="Bring it again.") from error


def _decoded_sound(pipe: Any, latents: torch.Tensor) -> torch.Tensor:
    """(batch, channels, n), of sound latents in the VAE's own scale."""
    with torch.no_grad():
        spectrum = pipe.audio_vae.decode(latents.to(pipe.audio_vae.dtype), return_dict=False)[0]
        sound: torch.Tensor = pipe.vocoder(spectrum)
    return sound


def _moment(vae: Any, latents: torch.Tensor) -> torch.Tensor | None:
    """What a VAE that is told how clean its latents are is told: clean."""
    if not vae.config.timestep_conditioning:
        return None
    return torch.zeros(latents.shape[0], device=latents.device, dtype=latents.dtype)


def _frames(pictures: Any, *, check: bool = True) -> Frames:
    """Pictures from 0 to 1 as uint8. Raises JobError: there are numbers that are none."""
    if check and not np.isfinite(pictures).all():
        raise _broken("The pictures")
    whole: Frames = np.clip(np.rint(np.nan_to_num(pictures) * 255.0), 0, 255).astype(np.uint8)
    return whole


def _broken(what: str) -> JobError:
    verb = "hold" if what.endswith("s") else "holds"
    return JobError(
        f"{what} {verb} numbers that are none (NaN).",
        hint="Try another seed, or give the model another dtype: float32.",
    )
