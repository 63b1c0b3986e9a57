"""What a pipeline of diffusers is called with, for each piece of a video."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tenku.studio.video.fit import BLACK, GREY, WHITE, as_long, from_frame, plain
from tenku.studio.video.given import Given
from tenku.studio.video.length import whole
from tenku.studio.video.plan import Plan
from tenku.studio.video.powers import Powers, Way
from tenku.studio.videojob import VideoRequest


def way_of_piece(plan: Plan, powers: Powers, number: int) -> Way:
    """A piece that goes on from a frame is made from it, whatever the first one was made from."""
    return Way.FRAME if number and plan.way is Way.TEXT and Way.FRAME in powers.ways else plan.way


def arguments(
    request: VideoRequest,
    plan: Plan,
    given: Given,
    *,
    number: int,
    way: Way,
    before: npt.NDArray[np.uint8] | None,
) -> dict[str, Any]:
    """All but the generator and the callback.

    Args:
        number: which piece.
        before: what was made so far, uint8 (N, height, width, 3); None for the first piece.
    """
    piece = plan.pieces[number]
    ends = number == len(plan.pieces) - 1
    common: dict[str, Any] = {
        "prompt": request.prompt,
        "negative_prompt": plan.negative,
        "height": request.height,
        "width": request.width,
        "num_inference_steps": plan.steps,
        "guidance_scale": plan.guidance,
        "output_type": "np",
    }
    if plan.guidance_2 is not None and way in (Way.TEXT, Way.FRAME, Way.FILL):
        common["guidance_scale_2"] = plan.guidance_2
    match way:
        case Way.TEXT:
            return {**common, "num_frames": piece.frames}
        case Way.FRAME:
            first = given.image if before is None else from_frame(before[-1])
            last = {"last_image": given.last} if given.last is not None and ends else {}
            return {**common, "image": first, "num_frames": piece.frames, **last}
        case Way.CHANGE:
            return {**common, "video": as_long(given.video, piece.frames), "strength": request.strength}
        case Way.FILL:
            return {**common, "num_frames": piece.frames, **_filled(request, plan, given, number, before)}
        case Way.ANIMATE:
            return {**common, **_animated(plan, given)}


def rounds(plan: Plan, request: VideoRequest) -> tuple[int, ...]:
    """How many steps each piece takes."""
    if plan.way is Way.ANIMATE:
        return (plan.steps * max(1, math.ceil((plan.frames - 1) / (segment_of(plan) - 1))),)
    if plan.way is Way.CHANGE:
        return (max(1, min(int(plan.steps * request.strength), plan.steps)),)
    return tuple(plan.steps for _ in plan.pieces)


def segment_of(plan: Plan) -> int:
    """Pictures of each round of Wan-Animate, which goes on by itself; no longer than a short video needs."""
    return min(plan.most, max(5, whole(plan.frames)))


def _animated(plan: Plan, given: Given) -> Mapping[str, Any]:
    count = plan.frames
    replaced = (
        {
            "mode": "replace",
            "background_video": list(given.background[:count]),
            "mask_video": list(given.mask[:count]),
        }
        if given.background
        else {}
    )
    return {
        "image": given.image,
        "pose_video": list(given.video[:count]),
        "face_video": list(given.face[:count]),
        "segment_frame_length": segment_of(plan),
        **replaced,
    }


def _filled(
    request: VideoRequest, plan: Plan, given: Given, number: int, before: npt.NDArray[np.uint8] | None
) -> Mapping[str, Any]:
    """VACE's video and mask: what is known stands in the video and is black in the mask, all else is made."""
    piece, ends = plan.pieces[number], number == len(plan.pieces) - 1
    at = sum(each.new for each in plan.pieces[:number]) - piece.known
    known: dict[int, Image.Image] = {}
    if before is not None:
        known = {place: from_frame(frame) for place, frame in enumerate(before[len(before) - piece.known :])}
    elif given.image is not None:
        known[0] = given.image
    if ends and given.last is not None:
        known[piece.frames - 1] = given.last
    references = {"reference_images": list(given.references)} if given.references else {}
    if not known and not given.video:
        return references
    size = (request.width, request.height)
    video = as_long(given.video[at:], piece.frames) if given.video else [plain(GREY, size)] * piece.frames
    mask = as_long(given.mask[at:], piece.frames) if given.mask else [plain(WHITE, size)] * piece.frames
    shown = [known.get(place, picture) for place, picture in enumerate(video)]
    masked = [plain(BLACK, size) if place in known else picture for place, picture in enumerate(mask)]
    whole_video = not given.mask and not known
    return {"video": shown, **({} if whole_video else {"mask": masked}), **references}
