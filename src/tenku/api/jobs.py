"""/api/jobs: submit, look, cancel, fetch what was made, follow."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response, StreamingResponse

from tenku.api.handin import hand_in
from tenku.api.problem import Refused, answers
from tenku.api.studioparts import StudioParts
from tenku.api.teams import of_team
from tenku.api.wire import EstimateOut, JobOut, JobsIn, JobsOut, job_out
from tenku.base.errors import JobError, ModelError
from tenku.studio.model import Job, JobId, JobSpec
from tenku.studio.results import PROVENANCE

PNG = b"\x89PNG"
LOOK_S = 0.25
"""How often a followed job is looked at."""
QUIET = 60
"""After so many looks without news a comment keeps proxies from closing the connection."""


def jobs_router(parts: StudioParts) -> APIRouter:
    """The routes of jobs. Those without `async` run in threads: the database blocks for milliseconds."""
    router = APIRouter(prefix="/api/jobs", tags=["Jobs"])

    @router.post("", status_code=201, summary="Accept jobs", responses=answers(401, 403, 413, 422, 503))
    async def submit(request: Request, jobs: JobsIn) -> JobsOut:
        specs = of_team(request, [job.spec() for job in jobs.jobs])
        await asyncio.to_thread(_check, parts, specs)
        accepted = await hand_in(parts, specs)
        return JobsOut(jobs=[job_out(job) for job in accepted])

    @router.get("", summary="List jobs, the newest first", responses=answers(401, 422))
    def list_jobs(
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100, batch: str = "", team: str = "", unended: bool = False
    ) -> JobsOut:
        return JobsOut(
            jobs=[job_out(job) for job in parts.queue.list(limit=limit, batch=batch, team=team, unended=unended)]
        )

    @router.get("/{id}", summary="Look at a job", responses=answers(401, 404))
    def get_job(id: str) -> JobOut:
        return job_out(parts.queue.get(JobId(id)))

    @router.delete("/{id}", summary="Cancel a job; one that ended stays as it is", responses=answers(401, 404))
    def cancel_job(id: str) -> JobOut:
        return job_out(parts.queue.cancel(JobId(id)))

    @router.get(
        "/{id}/outputs/{name}",
        summary="Fetch what a job made, or where it came from",
        response_class=FileResponse,
        responses=answers(401, 404) | {200: {"description": "The file", "content": {"application/octet-stream": {}}}},
    )
    def output(id: str, name: str) -> FileResponse:
        return _file(parts, parts.queue.get(JobId(id)), name)

    @router.get(
        "/{id}/preview",
        summary="Look at what a job at work has made so far",
        response_class=Response,
        responses=answers(401, 404)
        | {
            200: {
                "description": "A small picture, or the text so far",
                "content": {"image/png": {}, "text/plain": {}},
            },
            204: {"description": "There is nothing to be seen yet, or it is not at work"},
        },
    )
    def preview(id: str) -> Response:
        seen = parts.results.preview(parts.queue.get(JobId(id)).id)
        if seen is None:
            return Response(status_code=204)
        media_type = "image/png" if seen.startswith(PNG) else "text/plain; charset=utf-8"
        return Response(seen, media_type=media_type, headers={"Cache-Control": "no-store"})

    @router.get(
        "/{id}/events",
        summary="Follow a job until it ends",
        response_class=StreamingResponse,
        responses=answers(401, 404)
        | {
            200: {
                "description": "An event `job` for every change, with the job as its data",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            }
        },
    )
    async def events(id: str) -> StreamingResponse:
        job = await asyncio.to_thread(parts.queue.get, JobId(id))
        return StreamingResponse(_follow(parts, job), media_type="text/event-stream")

    return router


def estimates_router(parts: StudioParts) -> APIRouter:
    """The route that says what jobs would take; it accepts none."""
    router = APIRouter(prefix="/api/estimates", tags=["Jobs"])

    @router.post("", summary="Say what jobs would take, together", responses=answers(401, 413, 422))
    def estimate(jobs: JobsIn) -> EstimateOut:
        specs = [job.spec() for job in jobs.jobs]
        _check(parts, specs)
        return EstimateOut.model_validate(asdict(parts.expect(specs)))

    return router


def _check(parts: StudioParts, specs: list[JobSpec]) -> None:
    """Raises Refused: one of them cannot be done here."""
    models = {model.name: model for model in parts.models()}
    for place, spec in enumerate(specs):
        if spec.model not in models:
            there = ", ".join(sorted(models)) or "none"
            raise Refused(422, f"jobs.{place}: there is no model {spec.model!r} here.", hint=f"Installed: {there}.")
        try:
            parts.check(spec)
        except (JobError, ModelError) as error:
            which = f"jobs.{place}: " if len(specs) > 1 else ""
            raise Refused(422, f"{which}{error.sentence()}") from None


def _file(parts: StudioParts, job: Job, name: str) -> FileResponse:
    types = {each.name: each.media_type for each in job.outputs}
    types |= {each + PROVENANCE: "application/json" for each in types}
    path = parts.results.path(job.id, name) if name in types else None
    if path is None or not path.is_file():
        raise Refused(404, f"The job {job.id} has no output {name!r}.")
    # What a model made is never shown as a page of ours.
    headers = {"X-Content-Type-Options": "nosniff"}
    return FileResponse(path, media_type=types[name], filename=name, headers=headers)


async def _follow(parts: StudioParts, job: Job) -> AsyncIterator[bytes]:
    yield _event(job)
    quiet = 0
    while not job.state.ended:
        await asyncio.sleep(LOOK_S)
        latest = await asyncio.to_thread(parts.queue.get, job.id)
        quiet = 0 if latest != job else quiet + 1
        if latest != job:
            yield _event(latest)
        elif quiet % QUIET == 0:
            yield b": nothing new\n\n"
        job = latest


def _event(job: Job) -> bytes:
    return b"event: job\ndata: " + job_out(job).model_dump_json().encode() + b"\n\n"
