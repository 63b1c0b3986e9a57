"""GET /v1/models."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from tenku.api.problem import Refused, answers
from tenku.api.studioparts import StudioParts
from tenku.studio.model import InstalledModel


class OpenAIModel(BaseModel):
    """An installed model; what it makes is known under /api/models."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "tenku"


class OpenAIModels(BaseModel):
    """The installed models."""

    object: Literal["list"] = "list"
    data: list[OpenAIModel]


def openai_models_router(parts: StudioParts) -> APIRouter:
    """The routes of models, as OpenAI's clients ask for them."""
    router = APIRouter(prefix="/v1/models", tags=["OpenAI"])

    def known() -> dict[str, InstalledModel]:
        return {model.name: model for model in parts.models()}

    @router.get("", summary="List the models", responses=answers(401, openai=True))
    def list_models() -> OpenAIModels:
        return OpenAIModels(data=[OpenAIModel(id=name) for name in sorted(known())])

    @router.get("/{name:path}", summary="Look one model up", responses=answers(401, 404, openai=True))
    def one_model(name: str) -> OpenAIModel:
        if name not in known():
            raise Refused(404, f"There is no model {name!r} here.", code="model_not_found")
        return OpenAIModel(id=name)

    return router
