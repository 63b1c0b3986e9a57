"""What a Wan model can do, told from its folder, and how a job is done with it (pure)."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tenku.base.errors import JobError
from tenku.studio.videojob import VideoRequest


class Way(enum.Enum):
    """How the pictures come about: the pipeline of diffusers that makes them."""

    TEXT = "WanPipeline"  # from words alone
    FRAME = "WanImageToVideoPipeline"  # from a first frame, and a last one where there is one
    CHANGE = "WanVideoToVideoPipeline"  # a video made anew in part
    FILL = "WanVACEPipeline"  # words, frames, references, a video with a mask: whatever is there
    ANIMATE = "WanAnimatePipeline"  # a picture of somebody, moved as a video of poses and one of a face


PIPELINES = tuple(way.value for way in Way)


@dataclass(frozen=True, kw_only=True)
class Powers:
    """What one model can do."""

    model: str
    ways: tuple[Way, ...]
    last: bool
    """Whether it can be told the last frame."""
    known: int
    """The pictures of a piece that the next one is told; 0: it cannot go on from anything."""
    fps: int
    """What it was made for."""
    frames: int
    """The most in one call."""
    multiple: int
    """What widths and heights are multiples of."""
    steps: int
    guidance: float
    """What its makers take."""

    def told(self) -> str:
        """For error messages: what it can begin from."""
        names = {
            Way.TEXT: "words",
            Way.FRAME: "a first and a last frame (image, last_image)" if self.last else "a first frame (image)",
            Way.CHANGE: "a video without a mask (video)",
            Way.FILL: "words, frames, references, and a video with or without a mask",
            Way.ANIMATE: "a picture, a video of poses and one of a face (image, video, face)",
        }
        return "; ".join(names[way] for way in self.ways)


def powers_of(
    model: str, pipeline: str, *, settings: Mapping[str, Any], transformer: Mapping[str, Any], vae: Mapping[str, Any]
) -> Powers:
    """What a model can do.

    Args:
        pipeline: the class that its folder names, one of PIPELINES.
        settings: `model_index.json`: `expand_timesteps`, `boundary_ratio`, and which parts there are.
        transformer: config.json of the transformer.
        vae: config.json of the VAE.
    """
    whole = bool(settings.get("expand_timesteps"))  # Wan 2.2 TI2V-5B: one model for words and for a first frame
    two = settings.get("boundary_ratio") is not None
    way = Way(pipeline)
    if way in (Way.TEXT, Way.FRAME) and whole:
        ways: tuple[Way, ...] = (Way.TEXT, Way.FRAME)
    elif way in (Way.TEXT, Way.CHANGE) and not two:
        ways = (Way.TEXT, Way.CHANGE)
    else:
        ways = (way,)
    patch = transformer.get("patch_size") or (1, 2, 2)
    # Wan 2.1 sees frames through CLIP as well, and only FLF2V has places for two; Wan 2.2 sees them in the latents.
    two_frames = not transformer.get("image_dim") or bool(transformer.get("pos_embed_seq_len"))
    return Powers(
        model=model,
        ways=ways,
        last=way is Way.FILL or (way is Way.FRAME and not whole and two_frames),
        known={Way.FRAME: 1, Way.FILL: 5}.get(ways[-1], 0),
        fps=24 if whole else 30 if way is Way.ANIMATE else 16,
        frames=121 if whole else 77 if way is Way.ANIMATE else 81,
        multiple=int(vae.get("scale_factor_spatial") or 8) * int(patch[1]),
        steps=20 if way is Way.ANIMATE else 40 if two else 50,
        guidance=1.0 if way is Way.ANIMATE else 4.0 if two else 5.0,
    )


def way_of(request: VideoRequest, powers: Powers) -> Way:
    """How this job is done with this model. Raises JobError: it cannot be, and what the model can do instead."""
    ways = powers.ways
    if Way.ANIMATE in ways:
        return _animated(request, powers)
    if request.face or request.background:
        raise _cannot(powers, "the motion of a face or a background", "Take a Wan-Animate model.")
    if Way.FILL in ways:
        return Way.FILL
    if request.references:
        raise _cannot(powers, "pictures of who is to be seen (references)", "Take a VACE model.")
    if request.mask or (request.video and Way.CHANGE not in ways):
        raise _cannot(powers, "a video with a mask" if request.mask else "a video", "Take a VACE model.")
    if request.video:
        if request.image:
            raise _cannot(powers, "a video and a first frame at once", "Give it one of them, or take a VACE model.")
        return Way.CHANGE
    if request.last_image and not powers.last:
        raise _cannot(powers, "a last frame", "Leave it out, or take a FLF2V, a Wan 2.2 I2V or a VACE model.")
    if request.image:
        if Way.FRAME not in ways:
            raise _cannot(powers, "a first frame", "Take an I2V, TI2V or VACE model.")
        return Way.FRAME
    if Way.TEXT not in ways:
        raise JobError(f"{powers.model} needs a first frame.", hint="Give it one: image.")
    return Way.TEXT


def _animated(request: VideoRequest, powers: Powers) -> Way:
    for name, given in (("image", request.image), ("video", request.video), ("face", request.face)):
        if not given:
            raise JobError(f"{powers.model} begins from {powers.told()}.", hint=f"Give it the missing one: {name}.")
    if bool(request.mask) != bool(request.background):
        raise JobError("Replacing somebody takes a background and a mask.", hint="Give both: background, mask.")
    if request.references or request.last_image:
        raise _cannot(powers, "references or a last frame", "Leave them out.")
    return Way.ANIMATE


def _cannot(powers: Powers, what: str, hint: str) -> JobError:
    return JobError(f"{powers.model} cannot begin from {what}; it can from {powers.told()}.", hint=hint)
