"""POST /api/inputs: hand in a file that a job begins with."""

import asyncio

from fastapi import APIRouter, Request
from pydantic import BaseModel

from tenku.api.problem import answers
from tenku.api.studioparts import StudioParts


class InputOut(BaseModel):
    """A file that is here now."""

    name: str
    """What a job's parameter holds, like `image`."""


def inputs_router(parts: StudioParts) -> APIRouter:
    """The route of input files."""
    router = APIRouter(prefix="/api/inputs", tags=["Jobs"])

    @router.post(
        "",
        status_code=201,
        summary="Hand in a file that a job begins with",
        responses=answers(401, 413, 422),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    )
    async def put(request: Request) -> InputOut:
        data = await request.body()
        return InputOut(name=await asyncio.to_thread(parts.inputs.put, data))

    return router
