"""What a Qwen-Image pipeline is called with for a job."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageOps

from tenku.base.errors import JobError, ModelError
from tenku.studio.imagejob import MULTIPLE, ImageRequest
from tenku.studio.model import InstalledModel
from tenku.studio.pictures import read_picture, working_size

STEPS, GUIDANCE = 50, 4.0
"""What Qwen-Image usually takes; a distilled model's own are in its parameters."""
NOTHING = " "
"""What is not wanted, where nobody says: with an empty text there would be no guidance."""
LAYERED_SIDES = (640, 1024)
"""Pixels a side of a square picture that Layered was made for; others have as many pixels in all."""
MOST_TOKENS = 1000
"""Of a prompt; the model reads 1024 with what is said around it."""


@dataclass(frozen=True, kw_only=True)
class Usual:
    """What a model takes where a job does not say."""

    steps: int
    guidance: float

    @staticmethod
    def of(model: InstalledModel) -> "Usual":
        """From the model's parameters `steps` and `guidance`. Raises ModelError."""
        steps, guidance = model.parameters.get("steps", STEPS), model.parameters.get("guidance", GUIDANCE)
        if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= 200:
            raise ModelError(f"{model.name} has the steps {steps!r}; they are 1 to 200.", hint="Add it again.")
        if isinstance(guidance, bool) or not isinstance(guidance, int | float) or not 0 <= guidance <= 50:
            raise ModelError(f"{model.name} has the guidance {guidance!r}; it is 0 to 50.", hint="Add it again.")
        return Usual(steps=steps, guidance=float(guidance))


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a pipeline."""

    arguments: Mapping[str, Any]
    """All but the generator and the callback."""
    size: tuple[int, int]
    """Width and height of what is made; for layers of the picture that is taken apart."""
    steps: int
    guidance: float

    @property
    def guided(self) -> bool:
        """Whether each step asks the model twice: with what is wanted, and with what is not."""
        return "negative_prompt" in self.arguments


def call_of(request: ImageRequest, way: str, *, usual: Usual, distilled: bool, read: Callable[[str], bytes]) -> Call:
    """How a pipeline is called for a job.

    Args:
        way: the pipeline's name.
        distilled: guidance is an input of the model itself.
        read: the bytes of a file that came with the job.

    Raises:
        JobError: a picture cannot be read, or nothing would be left to do.
    """
    steps = request.steps or usual.steps
    guidance = usual.guidance if request.guidance < 0 else request.guidance
    width, height = _size(request, read)
    arguments: dict[str, Any] = {
        "prompt": request.prompt,
        "num_inference_steps": steps,
        "max_sequence_length": 1024,
        **_guided(request, guidance, distilled),
    }
    if way == "QwenImageLayeredPipeline":
        picture = _picture(read(request.image)).convert("RGBA")
        arguments |= {"image": picture, "layers": request.layers, "resolution": _resolution(width * height)}
        return Call(arguments=arguments, size=picture.size, steps=steps, guidance=guidance)
    arguments |= {"width": width, "height": height}
    if request.image:
        pictures = [_flat(_picture(read(name))) for name in (request.image, *request.references)]
        arguments["image"] = pictures if way == "QwenImageEditPlusPipeline" else pictures[0]
    if request.task == "inpaint":
        arguments["mask_image"] = _mask(read(request.mask), arguments["image"].size)
    if request.task == "inpaint" or way == "QwenImageImg2ImgPipeline":
        if not int(steps * request.strength + 1e-9):
            raise JobError(
                f"With a strength of {request.strength:g}, none of {steps} steps is left to do.",
                hint="Take a higher strength, or more steps.",
            )
        arguments["strength"] = request.strength
    return Call(arguments=arguments, size=(width, height), steps=steps, guidance=guidance)


def _guided(request: ImageRequest, guidance: float, distilled: bool) -> dict[str, Any]:
    if distilled:
        return {"guidance_scale": guidance, "true_cfg_scale": 1.0}
    if guidance <= 1:
        return {"true_cfg_scale": guidance}
    return {"true_cfg_scale": guidance, "negative_prompt": request.negative or NOTHING}


def _size(request: ImageRequest, read: Callable[[str], bytes]) -> tuple[int, int]:
    """As the job says, else as the picture has it."""
    if request.width and request.height:
        return request.width, request.height
    return working_size(read(request.image), multiple=MULTIPLE)


def _resolution(pixels: int) -> int:
    return min(LAYERED_SIDES, key=lambda side: abs(side * side - pixels))


def _picture(data: bytes) -> Image.Image:
    """Upright, as cameras only note how they were held."""
    return ImageOps.exif_transpose(read_picture(data))


def _flat(picture: Image.Image) -> Image.Image:
    """Without transparency: what is clear is white, not what happens to lie under it."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def _mask(data: bytes, size: tuple[int, int]) -> Image.Image:
    mask = _flat(read_picture(data, what="The mask")).convert("L")
    if mask.size != size:
        raise JobError(
            f"The mask has {mask.width}x{mask.height} pixels, and its picture {size[0]}x{size[1]}.",
            hint="Make them equally large.",
        )
    if mask.getextrema() == (0, 0):
        raise JobError("The mask is black all over: nothing may change.", hint="Make it white where it may.")
    return mask
