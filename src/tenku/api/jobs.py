"""/api/jobs: submit, look, cancel, fetch what was made, follow."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, StreamingResponse

from tenku.api.problem import Refused, answers
from tenku.api.studioparts import StudioParts
from tenku.api.wire import JobOut, JobsIn, JobsOut, job_out
from tenku.studio.model import Job, JobId, JobSpec, Kind
from tenku.studio.results import PROVENANCE

LOOK_S = 0.25
"""How often a followed job is looked at."""
QUIET = 60
"""After so many looks without news a comment keeps proxies from closing the connection."""


def jobs_router(parts: StudioParts) -> APIRouter:
    """The routes of jobs. Those without `async` run in threads: the database blocks for milliseconds."""
    router = APIRouter(prefix="/api/jobs", tags=["Jobs"])

    @router.post("", status_code=201, summary="Accept jobs", responses=answers(401, 413, 422, 501, 503))
    async def submit(jobs: JobsIn) -> JobsOut:
        specs = [job.spec() for job in jobs.jobs]
        accepted = await asyncio.to_thread(_accept, parts, specs)
        await parts.line.wake()
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


def _accept(parts: StudioParts, specs: list[JobSpec]) -> list[Job]:
    """Accept them all, or none. Raises Refused, StudioError."""
    models = {model.name: model for model in parts.models()}
    for place, spec in enumerate(specs):
        if spec.kind is not Kind.TEXT:
            raise Refused(
                501, f"jobs.{place}: jobs of the kind {spec.kind.value} cannot be done yet.", hint="Text can."
            )
        if spec.model not in models:
            there = ", ".join(sorted(models)) or "none"
            raise Refused(422, f"jobs.{place}: there is no model {spec.model!r} here.", hint=f"Installed: {there}.")
    accepted = parts.queue.submit(specs)
    parts.metrics.accepted.add(len(accepted))
    return accepted


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
