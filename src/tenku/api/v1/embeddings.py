"""POST /v1/embeddings."""

from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from tenku.api.problem import answers
from tenku.api.v1.forward import Forward


class EmbeddingsRequest(BaseModel):
    """Texts that want their vectors."""

    model_config = ConfigDict(extra="allow")

    model: str
    input: str | list[str] | list[int] | list[list[int]] = Field(min_length=1)
    encoding_format: Literal["float", "base64"] = "float"


class Embedding(BaseModel):
    """One text's vector."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class Embeddings(BaseModel):
    """Vectors, in the order of the texts."""

    object: Literal["list"]
    model: str
    data: list[Embedding]
    usage: dict[str, Any]


def embeddings_router(forward: Forward) -> APIRouter:
    """The route of embeddings."""
    router = APIRouter()

    @router.post(
        "/v1/embeddings",
        summary="Turn texts into vectors",
        tags=["OpenAI"],
        response_model=Embeddings,
        responses=answers(400, 401, 404, 413, 429, 503, openai=True),
    )
    async def embeddings(texts: EmbeddingsRequest, request: Request) -> Response:
        return await forward.send(request, do="embed", model=texts.model)

    return router
