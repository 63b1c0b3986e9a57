"""/healthz and /metrics."""

import asyncio

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from tenku.api.problem import answers
from tenku.api.studioparts import StudioParts
from tenku.base.metrics import CONTENT_TYPE


class Health(BaseModel):
    """The server and its database answer."""

    status: str = "ok"


def health_router(parts: StudioParts) -> APIRouter:
    """The routes for whoever watches the server."""
    router = APIRouter(tags=["Operation"])

    @router.get("/healthz", summary="Whether the server and its database answer", responses=answers(503))
    async def healthz() -> Health:
        await asyncio.to_thread(parts.queue.list, limit=1)
        return Health()

    @router.get(
        "/metrics",
        summary="Measurements for Prometheus",
        response_class=PlainTextResponse,
        responses=answers(401),
    )
    async def metrics() -> PlainTextResponse:
        return PlainTextResponse(parts.metrics.registry.text(), media_type=CONTENT_TYPE)

    return router
