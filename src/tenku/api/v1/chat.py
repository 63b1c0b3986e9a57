"""POST /v1/chat/completions."""

from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from tenku.api.problem import Refused, answers
from tenku.api.v1.forward import Forward
from tenku.base.errors import UsageError
from tenku.studio.schema import check_schema


class ChatMessage(BaseModel):
    """One message of a chat."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Any] | None = None


class ChatRequest(BaseModel):
    """A chat that wants its next message. What is not named here goes to the engine as it is."""

    model_config = ConfigDict(extra="allow")

    model: str
    messages: list[ChatMessage] = Field(min_length=1)
    stream: bool | None = False
    temperature: float | None = Field(default=None, ge=0, le=2, allow_inf_nan=False)
    top_p: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    seed: int | None = None
    stop: str | list[str] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None
    """`{"type": "json_schema", "json_schema": {"name": …, "schema": …}}`, or `{"type": "json_object"}`."""


class ChatChoice(BaseModel):
    """One answer."""

    model_config = ConfigDict(extra="allow")

    index: int
    message: dict[str, Any]
    finish_reason: str | None


class ChatCompletion(BaseModel):
    """A whole answer. A stream is `text/event-stream` of its chunks, and ends with `data: [DONE]`."""

    model_config = ConfigDict(extra="allow")

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoice]
    usage: dict[str, Any] | None = None


def chat_router(forward: Forward) -> APIRouter:
    """The route of chats."""
    router = APIRouter()

    @router.post(
        "/v1/chat/completions",
        summary="Answer a chat, whole or as a stream",
        tags=["OpenAI"],
        response_model=ChatCompletion,
        responses=answers(400, 401, 404, 413, 429, 503, openai=True)
        | {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "The answer"}},
    )
    async def chat(chat: ChatRequest, request: Request) -> Response:
        # Checked, and then sent on as it came: the engine knows more fields than are named above.
        _check_format(chat.response_format)
        return await forward.send(request, do="chat", model=chat.model)

    return router


def _check_format(asked: dict[str, Any] | None) -> None:
    """Raises Refused: nothing can meet the schema that was asked for; the engine's own words say nothing of why."""
    wrapped = (asked or {}).get("json_schema")
    schema = wrapped.get("schema") if isinstance(wrapped, dict) else None
    if isinstance(schema, dict):
        try:
            check_schema(schema, where="response_format")
        except UsageError as error:
            raise Refused(400, error.sentence(), code="invalid_request") from None
