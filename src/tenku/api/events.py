"""GET /api/events: every job that changes, for whoever watches the queue."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from tenku.api.problem import answers
from tenku.api.studioparts import StudioParts
from tenku.api.wire import JobsOut, job_out
from tenku.studio.model import Job, JobId

LOOK_S = 0.4
"""Between two looks: a preview comes once a second at most."""
NEWEST = 200
"""Ended jobs that a watcher is told of at first."""
QUIET = 40
"""After so many looks without news a comment keeps proxies from closing the connection."""


def events_router(parts: StudioParts) -> APIRouter:
    """The route of all jobs' changes."""
    router = APIRouter(prefix="/api/events", tags=["Jobs"])

    @router.get(
        "",
        summary="Follow all jobs",
        response_class=StreamingResponse,
        responses=answers(401)
        | {
            200: {
                "description": "Events `jobs`: what is queued and the newest at first, then whatever changed",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            }
        },
    )
    async def events() -> StreamingResponse:
        return StreamingResponse(_follow(parts), media_type="text/event-stream")

    return router


async def _follow(parts: StudioParts) -> AsyncIterator[bytes]:
    seen: dict[JobId, Job] = {}
    quiet = 0
    while True:
        jobs = await asyncio.to_thread(_look, parts)
        changed = [job for job in jobs if seen.get(job.id) != job]
        # What left the newest without ending is looked at by itself: its end must be told as well.
        left = [id for id, job in seen.items() if not job.state.ended and id not in {each.id for each in jobs}]
        changed += [await asyncio.to_thread(parts.queue.get, id) for id in left]
        seen = {job.id: job for job in [*jobs, *changed]}
        quiet = 0 if changed else quiet + 1
        if changed:
            said = JobsOut(jobs=[job_out(job) for job in changed])
            yield b"event: jobs\ndata: " + said.model_dump_json().encode() + b"\n\n"
        elif quiet % QUIET == 0:
            yield b": nothing new\n\n"
        await asyncio.sleep(LOOK_S)


def _look(parts: StudioParts) -> list[Job]:
    newest = parts.queue.list(limit=NEWEST)
    unended = parts.queue.list(unended=True, limit=NEWEST)
    return list({job.id: job for job in [*newest, *unended]}.values())
