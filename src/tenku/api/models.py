"""/api/models: what is installed here."""

import asyncio

from fastapi import APIRouter

from tenku.api.problem import answers
from tenku.api.studioparts import StudioParts
from tenku.api.wire import ModelsOut, model_out


def models_router(parts: StudioParts) -> APIRouter:
    """The route of installed models."""
    router = APIRouter(prefix="/api/models", tags=["Models"])

    @router.get("", summary="List installed models", responses=answers(401))
    async def list_models() -> ModelsOut:
        warm = {each.name: each for each in await parts.line.warm()}
        models = await asyncio.to_thread(parts.models)
        return ModelsOut(models=[model_out(model, warm.get(model.name)) for model in models])

    return router
