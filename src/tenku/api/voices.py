"""GET /api/models/{name}/voices: whom a model can speak as."""

import asyncio

from fastapi import APIRouter
from pydantic import BaseModel

from tenku.api.problem import Refused, answers
from tenku.api.studioparts import StudioParts
from tenku.studio.model import Kind
from tenku.studio.speech.languages import language_of
from tenku.studio.speechjob import LOCAL, voices_of


class VoiceOut(BaseModel):
    """One voice."""

    name: str
    language: str
    """Its own, like `en-us`; empty: the server that has it knows."""


class VoicesOut(BaseModel):
    """The voices of a model, the usual one first."""

    voices: list[VoiceOut]


def voices_router(parts: StudioParts) -> APIRouter:
    """The routes of voices."""
    router = APIRouter(tags=["Models"])

    @router.get("/api/models/{name}/voices", summary="List the voices of a model", responses=answers(401, 404))
    async def list_voices(name: str) -> VoicesOut:
        models = await asyncio.to_thread(parts.models)
        model = next((each for each in models if each.name == name and each.kind is Kind.SPEECH), None)
        if model is None:
            raise Refused(404, f"There is no model {name[:80]!r} that speaks here.")
        local = model.engine == LOCAL
        return VoicesOut(
            voices=[VoiceOut(name=each, language=language_of(each).code if local else "") for each in voices_of(model)]
        )

    return router
