"""POST /v1/images/generations and /v1/images/edits."""

import asyncio
import base64
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from tenku.api.problem import Refused, answers
from tenku.api.studioparts import StudioParts
from tenku.api.v1.asked import PRIORITY, Asked
from tenku.api.v1.forms import Form, form_body, read_form
from tenku.api.v1.imagestream import Manner, PictureStream
from tenku.api.v1.sizes import read_size
from tenku.studio.model import Job, JobSpec, Kind

STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The pictures; with `stream` events, the last of each `completed`",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
SEED_STEP = 1
"""From one picture of a request to the next."""


class ImagesRequest(BaseModel):
    """Pictures that are wanted. The fields from `seed` on are not OpenAI's: send them as `extra_body`."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = Field(min_length=1)
    model: str | None = None
    n: int = Field(default=1, ge=1, le=10)
    size: str | None = None
    """`WIDTHxHEIGHT`, or `auto`."""
    response_format: Literal["b64_json", "url"] | None = None
    """`url`: an address on this server, which wants the token as well."""
    output_format: Literal["png"] | None = None
    background: Literal["auto", "opaque"] | None = None
    quality: str | None = None
    user: str | None = None
    stream: bool | None = None
    """Events instead of one answer: `partial_images` of each picture on its way, and then the whole one."""
    partial_images: int | None = Field(default=None, ge=0, le=3)
    seed: int | None = Field(default=None, ge=0, lt=2**32)
    steps: int | None = Field(default=None, ge=1, le=200)
    guidance: float | None = Field(default=None, ge=0, le=50, allow_inf_nan=False)
    negative: str | None = None
    accelerate: str | None = None

    def parameters(self) -> dict[str, Any]:
        """Those of the job."""
        size = read_size(self.size)
        given = {
            "width": size[0] if size else None,
            "height": size[1] if size else None,
            "steps": self.steps,
            "guidance": self.guidance,
            "negative": self.negative,
            "accelerate": self.accelerate,
        }
        return {name: value for name, value in given.items() if value is not None}


class ImageData(BaseModel):
    """One picture."""

    b64_json: str | None = None
    url: str | None = None


class Images(BaseModel):
    """The pictures, in the order of their seeds."""

    created: int
    data: list[ImageData]
    output_format: str = "png"


@dataclass(frozen=True)
class _Pictures:
    """What an edit begins with: names of input files."""

    image: str
    mask: str
    references: list[str]

    def parameters(self) -> dict[str, Any]:
        task = "inpaint" if self.mask else "edit"
        more = {"mask": self.mask} if self.mask else {"references": self.references}
        return {"task": task, "image": self.image, **more}


def images_router(parts: StudioParts) -> APIRouter:
    """The routes of pictures."""
    router = APIRouter(tags=["OpenAI"])
    asked = Asked(parts)
    both = answers(400, 401, 404, 413, 422, 503, openai=True) | STREAM

    @router.post(
        "/v1/images/generations",
        summary="Make pictures",
        responses=both,
        response_model=Images,
        response_model_exclude_none=True,
    )
    async def generate(wanted: ImagesRequest, request: Request) -> Images | Response:
        return await _answer(parts, asked, wanted, request, {}, name="image_generation")

    @router.post(
        "/v1/images/edits",
        summary="Change a picture; with a mask only where it is transparent",
        responses=both,
        response_model=Images,
        response_model_exclude_none=True,
        openapi_extra=form_body(ImagesRequest, files={"image": True, "mask": False}),
    )
    async def edit(request: Request) -> Images | Response:
        form = await read_form(request)
        wanted = form.parse(ImagesRequest)
        # Pictures are read and written to the disk: meanwhile others are answered.
        given = await asyncio.to_thread(_begun, parts, form, sized=read_size(wanted.size) is not None)
        return await _answer(parts, asked, wanted, request, given, name="image_edit")

    return router


def _begun(parts: StudioParts, form: Form, *, sized: bool) -> dict[str, Any]:
    """The parameters that an edit's pictures make; `sized`: whoever asked said how large. Raises Refused."""
    images = form.files.get("image", [])
    if not 1 <= len(images) <= 4:
        raise Refused(400, "An edit needs one picture, `image`, and takes three more.", code="invalid_request")
    names = [parts.inputs.put(each) for each in images]
    mask = form.files.get("mask", [b""])[0]
    given = _Pictures(names[0], parts.inputs.put(_mask(mask)) if mask else "", names[1:]).parameters()
    return given if sized else given | _size_of(images[0])


async def _answer(
    parts: StudioParts,
    asked: Asked,
    wanted: ImagesRequest,
    request: Request,
    given: dict[str, Any],
    *,
    name: str,
) -> Images | Response:
    _check_stream(wanted)
    model = asked.model(wanted.model, Kind.IMAGE)
    parameters = {**given, **wanted.parameters()}
    seed = wanted.seed if wanted.seed is not None else parts.seed()
    specs = [
        JobSpec(
            kind=Kind.IMAGE,
            model=model.name,
            prompt=wanted.prompt,
            parameters=parameters,
            seed=seed + SEED_STEP * number,
            priority=PRIORITY,
            row=number,
        )
        for number in range(wanted.n)
    ]
    if wanted.stream:
        size = wanted.size or "auto"
        manner = Manner(name=name, partial=wanted.partial_images or 0, size=size, quality=wanted.quality or "auto")
        return PictureStream(parts, asked, await asked.submit(request, specs), manner)
    jobs = await asked.make(request, specs)
    base = "" if wanted.response_format != "url" else str(request.base_url).rstrip("/")
    return Images(created=int(parts.now()), data=[_data(asked, job, base) for job in jobs])


def _check_stream(wanted: ImagesRequest) -> None:
    """Raises Refused: what is asked for does not go together."""
    if wanted.partial_images and not wanted.stream:
        raise Refused(400, "partial_images are sent in a stream.", hint="Set stream.", code="invalid_request")
    if wanted.stream and wanted.response_format == "url":
        raise Refused(400, "A stream has no addresses.", hint="Leave response_format out.", code="invalid_request")


def _data(asked: Asked, job: Job, base: str) -> ImageData:
    if base:
        return ImageData(url=f"{base}/api/jobs/{job.id}/outputs/{job.outputs[0].name}")
    return ImageData(b64_json=base64.b64encode(asked.output(job)).decode())


def _mask(data: bytes) -> bytes:
    from tenku.studio.pictures import mask_of_holes  # pictures are read where they are needed alone

    return mask_of_holes(data)


def _size_of(data: bytes) -> dict[str, int]:
    from tenku.studio.imagejob import MULTIPLE
    from tenku.studio.pictures import working_size

    width, height = working_size(data, multiple=MULTIPLE)
    return {"width": width, "height": height}
