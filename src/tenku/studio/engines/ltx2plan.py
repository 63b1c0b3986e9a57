"""From a video job to the call of LTX-2 that does it (pure)."""

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tenku.base.errors import JobError, ModelError
from tenku.studio.model import Json
from tenku.studio.soundtrack.words import check_one_pass, prompt_with_sound
from tenku.studio.videojob import VideoRequest

STRIDE = 8
"""Pictures that become one moment in the latents; besides the first, which is one by itself."""
MULTIPLE = 32
"""What widths and heights are multiples of."""
FPS = 24
STEPS = 30
GUIDANCE = 3.0
"""As diffusers has them; its other three kinds of guidance are left as they are there."""
DISTILLED = (1.0, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875)
"""The noise levels that the distilled weights were made for."""
UNGUIDED: Mapping[str, float] = {
    "guidance_scale": 1.0,
    "audio_guidance_scale": 1.0,
    "stg_scale": 0.0,
    "audio_stg_scale": 0.0,
    "modality_scale": 1.0,
    "audio_modality_scale": 1.0,
}
"""One pass of the transformer a step in place of four."""
_UNUSED = ("video", "mask", "face", "background", "references", "lora")


class Way(enum.Enum):
    """The pipeline of diffusers that makes it."""

    TEXT = "LTX2Pipeline"  # from words alone
    FRAME = "LTX2ImageToVideoPipeline"  # from a first frame
    FRAMES = "LTX2ConditionPipeline"  # from a first and a last frame


PIPELINES = tuple(way.value for way in Way)


@dataclass(frozen=True, kw_only=True)
class Usual:
    """What a model's parameters say, and the usual for the rest."""

    fps: int
    steps: int
    guidance: float
    negative: str
    distilled: bool
    """Its weights were distilled: eight steps, no guidance."""
    upsample: bool
    """It is made at half the size, and made twice as large by the model's upsampler."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a job is done."""

    way: Way
    width: int
    height: int
    """Of what is computed: half of what is asked for where it is made larger afterwards."""
    frames: int
    """8k + 1."""
    fps: int
    steps: int
    upsample: bool
    call: Mapping[str, Any]
    """All of the call but pictures, generator and callback."""

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.frames / self.fps


def usual_of(name: str, given: Mapping[str, Json]) -> Usual:
    """Read a model's parameters. Raises ModelError."""
    distilled = _flag(name, given, "distilled")
    return Usual(
        fps=int(_number(name, given, "fps", FPS, 1, 60)),
        steps=int(_number(name, given, "steps", len(DISTILLED) if distilled else STEPS, 1, 200)),
        guidance=_number(name, given, "guidance", 1.0 if distilled else GUIDANCE, 0, 50),
        negative=str(given.get("negative") or ""),
        distilled=distilled,
        upsample=_flag(name, given, "upsample"),
    )


def plan_of(request: VideoRequest, usual: Usual, *, model: str) -> Plan:
    """How a job is done. Raises JobError: the model cannot do this."""
    for name in _UNUSED:
        if getattr(request, name):
            raise JobError(
                f"{model} takes no {name}; it makes videos from words, a first frame and a last one.",
                hint=f"Leave {name} out.",
            )
    check_one_pass(request, model)
    _check_size(request, model, MULTIPLE * 2 if usual.upsample else MULTIPLE)
    scale = 2 if usual.upsample else 1
    fps = request.fps or usual.fps
    frames = frames_for(request.seconds, fps)
    steps = request.steps or usual.steps
    guidance = usual.guidance if request.guidance < 0 else request.guidance
    way = Way.FRAMES if request.last_image else Way.FRAME if request.image else Way.TEXT
    call: dict[str, Any] = {
        "prompt": prompt_with_sound(request),
        "negative_prompt": request.negative or usual.negative or None,
        "width": request.width // scale,
        "height": request.height // scale,
        "num_frames": frames,
        "frame_rate": float(fps),
        "num_inference_steps": steps,
        **(UNGUIDED if guidance <= 1 else {"guidance_scale": guidance}),
    }
    if usual.distilled and steps == len(DISTILLED):
        call["sigmas"] = list(DISTILLED)
    return Plan(
        way=way,
        width=request.width // scale,
        height=request.height // scale,
        frames=frames,
        fps=fps,
        steps=steps,
        upsample=usual.upsample,
        call=call,
    )


def frames_for(seconds: float, fps: int) -> int:
    """The smallest 8k + 1, and at least 9, that does not fall short of `seconds` at `fps` pictures a second."""
    # Rounded first: 5.0416… s of 24 a second are 121 pictures, whatever the last bit of the product says.
    wanted = math.ceil(round(seconds * fps, 6))
    return max(1, math.ceil((wanted - 1) / STRIDE)) * STRIDE + 1


def _check_size(request: VideoRequest, model: str, multiple: int) -> None:
    if request.width % multiple or request.height % multiple:
        width, height = (max(1, round(side / multiple)) * multiple for side in (request.width, request.height))
        raise JobError(
            f"{model} makes pictures whose sides are multiples of {multiple}, and "
            f"{request.width}x{request.height} are not.",
            hint=f"Take {width}x{height}.",
        )


def _flag(model: str, given: Mapping[str, Json], name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise _wrong(model, name, value, "true or false")
    return value


def _number(model: str, given: Mapping[str, Json], name: str, usual: float, low: float, high: float) -> float:
    value = given.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise _wrong(model, name, value, f"a number from {low:g} to {high:g}")
    return value


def _wrong(model: str, name: str, value: Json, right: str) -> ModelError:
    return ModelError(f"{model} has the {name} {str(value)[:80]!r}; it has to be {right}.", hint="Add it again.")
