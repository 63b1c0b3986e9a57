"""/v1/videos: create, poll, list, download, delete."""

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from tenku.api.problem import Refused, answers
from tenku.api.studioparts import StudioParts
from tenku.api.v1.asked import Asked
from tenku.api.v1.forms import form_body, read_form
from tenku.api.v1.sizes import read_size
from tenku.studio.model import Job, JobId, JobSpec, Kind, State

PREFIX = "video_"
BATCH = "v1/videos"
"""What the jobs of this API have in common, so that they can be listed."""
STATUS = {
    State.QUEUED: "queued",
    State.RUNNING: "in_progress",
    State.DONE: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "failed",
}


class VideoRequest(BaseModel):
    """A video that is wanted. The fields from `seed` on are not OpenAI's: send them as `extra_body`."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = Field(min_length=1)
    model: str | None = None
    seconds: float = Field(default=4, gt=0, le=10, allow_inf_nan=False)
    size: str | None = None
    """`WIDTHxHEIGHT`."""
    seed: int | None = Field(default=None, ge=0, lt=2**32)
    steps: int | None = Field(default=None, ge=1, le=200)
    fps: int | None = Field(default=None, ge=1, le=60)
    guidance: float | None = Field(default=None, ge=0, le=50, allow_inf_nan=False)
    negative: str | None = None
    sound: str | None = None
    """What is to be heard."""
    speech: str | None = None
    """What is said."""
    voice: str | None = None
    sound_model: str | None = None
    speech_model: str | None = None
    codec: Literal["h264", "av1", "vp9"] | None = None
    accelerate: str | None = None
    lora: str | None = None

    def parameters(self) -> dict[str, Any]:
        """Those of the job."""
        size = read_size(self.size)
        own = self.model_dump(exclude={"prompt", "model", "size", "seed"}, exclude_none=True)
        return {**own, **({"width": size[0], "height": size[1]} if size else {})}


class VideoError(BaseModel):
    """Why there is none."""

    code: str
    message: str


class Video(BaseModel):
    """A video, made or on its way."""

    id: str
    object: Literal["video"] = "video"
    created_at: int
    completed_at: int | None = None
    status: str
    model: str
    prompt: str
    progress: int
    """Percent."""
    seconds: str
    size: str
    error: VideoError | None = None


class Videos(BaseModel):
    """Videos, the newest first."""

    object: Literal["list"] = "list"
    data: list[Video]
    first_id: str | None
    last_id: str | None
    has_more: bool


class VideoDeleted(BaseModel):
    """It is not wanted any more."""

    id: str
    object: Literal["video.deleted"] = "video.deleted"
    deleted: bool = True


def videos_router(parts: StudioParts) -> APIRouter:
    """The routes of videos."""
    router = APIRouter(prefix="/v1/videos", tags=["OpenAI"])
    asked = Asked(parts)
    errors = answers(400, 401, 404, 413, 422, 503, openai=True)

    @router.post(
        "",
        summary="Begin a video; `input_reference` is its first frame",
        responses=errors,
        response_model=Video,
        openapi_extra=form_body(VideoRequest, files={"input_reference": False}),
    )
    async def create(request: Request) -> Video:
        form = await read_form(request)
        wanted = form.parse(VideoRequest)
        first = form.files.get("input_reference", [b""])[0]
        image = {"image": await asyncio.to_thread(parts.inputs.put, first)} if first else {}
        model = await asyncio.to_thread(asked.model, wanted.model, Kind.VIDEO)
        spec = JobSpec(
            kind=Kind.VIDEO,
            model=model.name,
            prompt=wanted.prompt,
            parameters={**wanted.parameters(), **image},
            seed=wanted.seed if wanted.seed is not None else parts.seed(),
            batch=BATCH,
        )
        [job] = await asked.submit(request, [spec])
        return _video(job)

    @router.get("", summary="List videos", responses=answers(400, 401, openai=True))
    def list_videos(
        limit: Annotated[int, Query(ge=1, le=100)] = 20, after: str = "", order: Literal["asc", "desc"] = "desc"
    ) -> Videos:
        jobs = parts.queue.list(batch=BATCH, limit=10_000)
        jobs = jobs if order == "desc" else jobs[::-1]
        ids = [PREFIX + job.id for job in jobs]
        start = ids.index(after) + 1 if after in ids else 0
        some = [_video(job) for job in jobs[start : start + limit]]
        return Videos(
            data=some,
            first_id=some[0].id if some else None,
            last_id=some[-1].id if some else None,
            has_more=len(jobs) > start + limit,
        )

    @router.get("/{id}", summary="Look at a video", responses=answers(401, 404, openai=True))
    def get_video(id: str) -> Video:
        return _video(_job(parts, id))

    @router.delete("/{id}", summary="Cancel a video", responses=answers(401, 404, openai=True))
    def delete_video(id: str) -> VideoDeleted:
        parts.queue.cancel(_job(parts, id).id)
        return VideoDeleted(id=id)

    @router.get(
        "/{id}/content",
        summary="Download a video, or a picture of it",
        response_class=FileResponse,
        responses=answers(400, 401, 404, 409, openai=True)
        | {200: {"description": "The file", "content": {"video/mp4": {}, "image/png": {}}}},
    )
    def content(id: str, variant: Literal["video", "thumbnail"] = "video") -> Response:
        job = _job(parts, id)
        if job.state is not State.DONE:
            raise Refused(409, f"The video {id} is {STATUS[job.state]}.", hint="Look again later.", code="not_ready")
        main = job.outputs[0]
        path = parts.results.path(job.id, main.name)
        if variant == "thumbnail":
            from tenku.studio.media.poster import poster

            return Response(poster(path.read_bytes()), media_type="image/png")
        return FileResponse(path, media_type=main.media_type, filename=f"{id}.mp4")

    return router


def _job(parts: StudioParts, id: str) -> Job:
    job = parts.queue.get(JobId(id.removeprefix(PREFIX)))
    if job.spec.kind is not Kind.VIDEO:
        raise Refused(404, f"There is no video {id!r}.", code="not_found")
    return job


def _video(job: Job) -> Video:
    given, progress = job.spec.parameters, job.progress
    percent = 100 if job.state is State.DONE else int(100 * progress.done / progress.total) if progress.total else 0
    error = VideoError(code=job.state.value, message=job.error or "It was cancelled.") if job.state.ended else None
    return Video(
        id=PREFIX + job.id,
        created_at=int(job.accepted),
        completed_at=int(job.ended) if job.ended and job.state is State.DONE else None,
        status=STATUS[job.state],
        model=job.spec.model,
        prompt=job.spec.prompt,
        progress=min(100, percent),
        seconds=f"{given.get('seconds', 5):g}",
        size=f"{given.get('width', 832)}x{given.get('height', 480)}",
        error=None if job.state is State.DONE else error,
    )
