"""Pictures by Qwen-Image, with diffusers: from words, from pictures, within masks, and apart into layers."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from tenku.base.errors import CancelledJob, JobError
from tenku.studio.diffusion.accelerations import accelerated, check_acceleration
from tenku.studio.diffusion.loaded import Loaded
from tenku.studio.diffusion.loading import load_pipeline
from tenku.studio.diffusion.memory import PeakMemory
from tenku.studio.diffusion.preview import latent_preview, own_scale
from tenku.studio.diffusion.steps import Steps
from tenku.studio.diffusion.tokens import check_prompt
from tenku.studio.image.calls import MOST_TOKENS, Call, Usual, call_of
from tenku.studio.image.png import composite, png
from tenku.studio.image.powers import WAYS, way_of
from tenku.studio.imagejob import request_of
from tenku.studio.model import InstalledModel, JobSpec, Output, Usage
from tenku.studio.ports import Desk, Made, Step

MEDIA_TYPE = "image/png"
LAYERED = "QwenImageLayeredPipeline"
SEEDS = 1 << 63
"""Torch takes no larger ones."""


def load(model: InstalledModel) -> "QwenImage":
    """Load a Qwen-Image model's folder. Raises ModelError.

    Parameters: those of `load_pipeline`, and `steps` and `guidance`, which take the place of what is usual.
    """
    usual = Usual.of(model)
    return QwenImage(load_pipeline(model, classes=tuple(WAYS)), usual)


class QwenImage:
    """The `Engine` of one Qwen-Image model."""

    def __init__(self, loaded: Loaded, usual: Usual) -> None:
        self._loaded = loaded
        self._usual = usual
        self._distilled = bool(loaded.folder.config("transformer").get("guidance_embeds"))

    def run(self, spec: JobSpec, *, desk: Desk, report: Callable[[Step], None], stop: Callable[[], bool]) -> Made:
        """See `Engine`. Makes `image.png`, and for layers `layer-1.png` (the lowest) and so on beside it."""
        began, request, loaded = time.monotonic(), request_of(spec), self._loaded
        way = way_of(request, loaded.folder.pipeline, model=loaded.model.name)
        check_acceleration(request.accelerate)
        for text, what in ((request.prompt, "prompt"), (request.negative, "negative prompt")):
            check_prompt(loaded.pipeline.tokenizer, text, most=MOST_TOKENS, what=what)
        call = call_of(request, way, usual=self._usual, distilled=self._distilled, read=desk.input)
        if stop():
            raise CancelledJob("It was ended before its first step.")
        with PeakMemory(loaded.room.device) as memory:
            pictures = self._pictures(way, call, seed=request.seed, accelerate=request.accelerate, told=(report, stop))
        return Made(
            outputs=_outputs(pictures, layered=way == LAYERED),
            usage=Usage(seconds=time.monotonic() - began, memory=memory.bytes),
            facts={
                "pipeline": way,
                "steps": call.steps,
                "guidance": call.guidance,
                "offload": loaded.offload.value,
                "width": pictures[0].width,
                "height": pictures[0].height,
            },
        )

    def close(self) -> None:
        """See `Engine`."""
        self._loaded.close()

    def _pictures(
        self,
        way: str,
        call: Call,
        *,
        seed: int,
        accelerate: str,
        told: tuple[Callable[[Step], None], Callable[[], bool]],
    ) -> Sequence[Image.Image]:
        pipeline = self._loaded.pipeline if way == self._loaded.folder.pipeline else self._loaded.sibling(way)
        preview = latent_preview(self._loaded.colours(pipeline.vae_scale_factor), _unpacking(pipeline, call))

        def work(pipe: Any) -> Any:
            steps = Steps(report=told[0], stop=told[1], preview=preview)
            # On the processor, as diffusers has it: the same seed is the same noise on every device.
            generator = torch.Generator("cpu").manual_seed(seed % SEEDS)
            # A picture without words is captioned by the text encoder, which draws from torch's own chance.
            with accelerated(pipe, accelerate, guided=call.guided), torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed % SEEDS)
                return pipe(**call.arguments, generator=generator, callback_on_step_end=steps, output_type="np").images[
                    0
                ]

        made = self._loaded.run(work, pipeline=pipeline)
        if not np.isfinite(made).all():
            raise JobError(
                "The VAE drew numbers that are none (NaN).", hint="Give the model another dtype: float32 or bfloat16."
            )
        pictures: list[Image.Image] = pipeline.image_processor.numpy_to_pil(made)
        return [picture if way == LAYERED else sized(picture, call.size) for picture in pictures]


def sized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A picture as large as was asked for: one pipeline takes only sizes of its own."""
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def grid(cells: int, size: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of so many cells, in a picture that is about as wide and high as `size`."""
    width, height = size
    near = (cells * height / width) ** 0.5
    rows = min((each for each in range(1, cells + 1) if not cells % each), key=lambda each: abs(each - near))
    return rows, cells // rows


def _unpacking(pipeline: Any, call: Call) -> Callable[[torch.Tensor], torch.Tensor]:
    """From what the pipeline hands out to (channels, height, width), as the VAE has it."""

    frames = call.arguments["layers"] + 1 if type(pipeline).__name__ == LAYERED else 1
    scale = pipeline.vae_scale_factor * 2

    def unpack(latents: torch.Tensor) -> torch.Tensor:
        rows, columns = grid(latents.shape[1] // frames, call.size)
        more = (frames - 1,) if frames > 1 else ()
        whole = pipeline._unpack_latents(latents, rows * scale, columns * scale, *more, pipeline.vae_scale_factor)
        return own_scale(pipeline.vae, whole[0])[:, 0]

    return unpack


def _outputs(pictures: Sequence[Image.Image], *, layered: bool) -> list[Output]:
    whole = composite(pictures) if layered else pictures[0]
    made = [Output(name="image.png", media_type=MEDIA_TYPE, data=png(whole))]
    if layered:
        made += [
            Output(name=f"layer-{number}.png", media_type=MEDIA_TYPE, data=png(picture))
            for number, picture in enumerate(pictures, start=1)
        ]
    return made
