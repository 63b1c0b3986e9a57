"""Errors on the wire: problem+json (RFC 9457) under /api, OpenAI's own shape under /v1."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from tenku.base.errors import AccessError, JobError, ModelError, TenkuError, UnknownJob, UnknownSet, UsageError
from tenku.studio.chatwire import openai_error

MEDIA_TYPE = "application/problem+json"
RETRY_S = "2"
"""What `Retry-After` says where trying again soon may help."""


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    """One sentence: what, where, what to try."""


class OpenAIErrorBody(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class OpenAIError(BaseModel):
    """An error, as OpenAI's clients read it."""

    error: OpenAIErrorBody


class Refused(TenkuError):  # noqa: N818 - what it is, not how bad
    """The API refuses a request with this HTTP status."""

    def __init__(self, status: int, message: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code


def error_response(
    path: str, status: int, detail: str, *, code: str = "", headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """An error in the shape that belongs to the path."""
    own = dict(headers or {})
    if status in (429, 503):
        own.setdefault("Retry-After", RETRY_S)
    if path.startswith("/v1/"):
        return JSONResponse(openai_error(detail, status=status, code=code), status, headers=own)
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return JSONResponse(problem.model_dump(), status, headers=own, media_type=MEDIA_TYPE)


def add_error_handlers(app: FastAPI) -> None:
    """Turn every error of a route into its answer."""

    @app.exception_handler(TenkuError)
    async def tenku_error(request: Request, error: TenkuError) -> JSONResponse:
        code = error.code if isinstance(error, Refused) else type(error).__name__
        return error_response(request.url.path, status_of(error), error.sentence(), code=code)

    @app.exception_handler(RequestValidationError)
    async def wrong_request(request: Request, error: RequestValidationError) -> JSONResponse:
        status = 400 if request.url.path.startswith("/v1/") else 422
        return error_response(request.url.path, status, _sentence(error.errors()), code="invalid_request")

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        detail = str(error.detail)
        match error.status_code:
            case 404:
                detail = f"There is nothing at {request.url.path[:200]}. /openapi.json has all routes."
            case 405:
                detail = f"{request.url.path[:200]} takes no {request.method}. /openapi.json has all routes."
        return error_response(request.url.path, error.status_code, detail, headers=error.headers)

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - uvicorn logs it
        return error_response(request.url.path, 500, "Something went wrong inside the server; its log says what.")


def status_of(error: TenkuError) -> int:
    """The HTTP status of an error."""
    match error:
        case Refused():
            return error.status
        case UnknownJob() | UnknownSet():
            return 404
        case JobError(again=True):
            return 503
        case JobError() | ModelError() | UsageError():
            return 422
        case AccessError():
            return 403
    return 500


def answers(*statuses: int, openai: bool = False) -> dict[int | str, dict[str, Any]]:
    """The error answers of a route, for its documentation."""
    if openai:
        return {status: {"model": OpenAIError, "description": HTTPStatus(status).phrase} for status in statuses}
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def _sentence(errors: Sequence[Any]) -> str:
    first = errors[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body")
    return f"The request cannot be used: {place + ': ' if place else ''}{first['msg']}."
