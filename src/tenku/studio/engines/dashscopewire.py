"""What DashScope's video API is asked, and what its answers mean: Alibaba Cloud Model Studio's Wan 2.5 and 2.6.

Source: "Wan - text-to-video API reference (2.1-2.6)", "Wan - image-to-video API reference" and "Asynchronous task
management" of Alibaba Cloud Model Studio, as read in November 2026. Wan 2.7 and later speak another protocol.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tenku.base.errors import JobError, ModelError
from tenku.studio.soundtrack.words import check_one_pass, prompt_with_sound, wants_sound
from tenku.studio.videojob import MULTIPLE, VideoRequest

CREATE = "/services/aigc/video-generation/video-synthesis"
TASKS = "/tasks"
API = "DashScope's API"
WAITING = ("PENDING", "RUNNING")
ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "UNKNOWN")
NEGATIVE = 500
"""Characters of a negative prompt; the vendor drops what is beyond, so it is refused here."""
TIERS: Mapping[str, Sequence[str]] = {
    "480P": ("832*480", "480*832", "624*624"),
    "720P": ("1280*720", "720*1280", "960*960", "1088*832", "832*1088"),
    "1080P": ("1920*1080", "1080*1920", "1440*1440", "1632*1248", "1248*1632"),
}
"""The sizes of pictures, by resolution."""
_NAME = re.compile(r"wan(2\.[56])-(t2v|i2v)(-[a-z0-9-]+)?")
_TASK = re.compile(r"[A-Za-z0-9_-]{1,128}")
_UNUSED = (
    "steps",
    "guidance",
    "video",
    "mask",
    "face",
    "background",
    "references",
    "last_image",
    "accelerate",
    "lora",
    "fps",
)


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a model of the vendor's takes."""

    name: str
    from_picture: bool
    """It begins with a picture, and cannot do without one."""
    tiers: tuple[str, ...]
    seconds: tuple[int, ...]
    prompt: int
    """Characters."""
    may_be_silent: bool
    """It can be told to make no sound; the sound of others is taken out afterwards."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What the vendor says about a task."""

    id: str
    state: str
    url: str = ""
    """Where the video is, for 24 hours."""
    code: str = ""
    message: str = ""
    prompt: str = ""
    """What was made of the prompt, where the vendor extended it."""
    usage: Mapping[str, Any]
    """What is paid for."""


def offer_of(name: str) -> Offer:
    """What a model of this name takes. Raises ModelError: its name says nothing that is known."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise ModelError(
            f"{name[:80]!r} is no model of DashScope that Tenku can ask.",
            hint="Those are wan2.5-t2v-preview, wan2.5-i2v-preview, wan2.6-t2v and wan2.6-i2v.",
        )
    version, picture = found[1], found[2] == "i2v"
    old = version == "2.5"
    return Offer(
        name=name,
        from_picture=picture,
        tiers=("480P", "720P", "1080P") if old else ("720P", "1080P"),
        seconds=(5, 10) if old else tuple(range(2, 11)),
        prompt=2000 if picture and old else 1500,
        may_be_silent=picture,
    )


def body_of(request: VideoRequest, offer: Offer, *, image: str, extend: bool, watermark: bool) -> dict[str, Any]:
    """What creates the task.

    Args:
        image: the first frame as a `data:` URI; empty: there is none.
        extend: the vendor may write the prompt anew.
        watermark: the vendor writes on the picture that it was generated.

    Raises:
        JobError: the vendor's model cannot do this.
    """
    _check(request, offer)
    prompt = prompt_with_sound(request)
    if len(prompt) > offer.prompt or len(request.negative) > NEGATIVE:
        raise JobError(
            f"{offer.name} reads {offer.prompt} characters of a prompt and {NEGATIVE} of a negative one; "
            f"these have {len(prompt)} and {len(request.negative)}.",
            hint="Say it in fewer words.",
        )
    given: dict[str, Any] = {"prompt": prompt}
    if request.negative:
        given["negative_prompt"] = request.negative
    tier = _tier(request, offer)
    parameters: dict[str, Any] = {"resolution": tier} if offer.from_picture else {"size": _size(request)}
    if offer.from_picture:
        given["img_url"] = image
    parameters |= {"duration": int(request.seconds), "prompt_extend": extend, "watermark": watermark}
    parameters["seed"] = request.seed % 2**31
    if offer.may_be_silent:
        parameters["audio"] = wants_sound(request)
    return {"model": offer.name, "input": given, "parameters": parameters}


def read_task(answer: Mapping[str, Any]) -> Task:
    """A task as the vendor describes it. Raises JobError: that is not what its documents say."""
    output = answer.get("output")
    output = output if isinstance(output, Mapping) else {}
    id, state = output.get("task_id"), output.get("task_status")
    if not isinstance(id, str) or not _TASK.fullmatch(id) or state not in (*WAITING, *ENDED):
        raise JobError(f"The answer is none of {API}: {str(dict(answer))[:200]}.", hint="Is the URL right?")
    usage = answer.get("usage")
    return Task(
        id=id,
        state=state,
        url=_text(output, "video_url"),
        code=_text(output, "code"),
        message=_text(output, "message"),
        prompt=_text(output, "actual_prompt"),
        usage=usage if isinstance(usage, Mapping) else {},
    )


def failure_of(task: Task) -> JobError:
    """Why a task that ended made no video."""
    if task.state == "UNKNOWN":
        return JobError(
            "The vendor does not know the task any more: tasks are kept for 24 hours.", hint="Try again.", again=True
        )
    if task.state == "CANCELED":
        return JobError("The task was cancelled at the vendor's.", hint="Try again.")
    return refusal(task.code, task.message)


def refusal(code: str, message: str) -> JobError:
    """The vendor's own words, what to do about it, and whether trying again may help."""
    passing = code.startswith(("Throttling", "InternalError", "SystemError", "RequestTimeOut", "ServiceUnavailable"))
    advice = next((hint for start, hint in _ADVICE if code.startswith(start)), "Try again later." if passing else "")
    said = message.strip().rstrip(".")[:300] or "no reason"
    return JobError(f"The vendor refuses: {code or 'no code'}: {said}.", hint=advice, again=passing)


_ADVICE = (
    ("InvalidApiKey", "Check the API key's variable; keys belong to one region."),
    ("Arrearage", "Pay the vendor's bill."),
    ("AccessDenied", "Is this model open to your account?"),
    ("ModelNotFound", "Is the model's name right, and offered in this region?"),
    ("DataInspectionFailed", "The vendor's filter does not allow it: say it in other words."),
    ("InvalidParameter.DataInspection", "The vendor's filter could not read the picture: take a PNG or JPEG."),
    ("Throttling.AllocationQuota", "The account's quota is used up."),
)


def _check(request: VideoRequest, offer: Offer) -> None:
    for name in _UNUSED:
        value = getattr(request, name)
        if value and not (name == "guidance" and value < 0):
            raise JobError(f"{offer.name} takes no {name}: the vendor sets that.", hint=f"Leave {name} out.")
    check_one_pass(request, offer.name)
    if request.codec != "h264":
        raise JobError(f"{offer.name} comes as H.264, not as {request.codec}.", hint="Leave codec out.")
    if request.seconds not in offer.seconds:
        lengths = ", ".join(map(str, offer.seconds))
        raise JobError(f"{offer.name} makes videos of {lengths} s, not of {request.seconds:g}.", hint="Take one.")
    if offer.from_picture and not request.image:
        raise JobError(f"{offer.name} begins with a picture.", hint="Give it one: image.")
    if request.image and not offer.from_picture:
        raise JobError(f"{offer.name} begins without a picture.", hint="Take an i2v model for that.")


def _tier(request: VideoRequest, offer: Offer) -> str:
    for tier in offer.tiers:
        if _size(request) in TIERS[tier]:
            return tier
    sizes = ", ".join(size.replace("*", "x") for tier in offer.tiers for size in TIERS[tier] if _may_be_asked(size))
    raise JobError(f"{offer.name} makes no videos of {request.width}x{request.height}.", hint=f"It makes {sizes}.")


def _may_be_asked(size: str) -> bool:
    return all(int(side) % MULTIPLE == 0 for side in size.split("*"))


def _size(request: VideoRequest) -> str:
    return f"{request.width}*{request.height}"


def _text(output: Mapping[str, Any], name: str) -> str:
    value = output.get(name)
    return value if isinstance(value, str) else ""
