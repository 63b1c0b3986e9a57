"""The parts of OpenAI's API that have no engine yet: each says so."""

from typing import NoReturn

from fastapi import APIRouter

from tenku.api.problem import OpenAIError, Refused, answers

LATER = {
    "/v1/images/generations": "Images",
    "/v1/images/edits": "Images",
    "/v1/audio/speech": "Speech",
    "/v1/videos": "Videos",
}


def later_router() -> APIRouter:
    """Routes that answer 501."""
    router = APIRouter(tags=["OpenAI"])
    for path, what in LATER.items():
        _add(router, path, what)
    return router


def _add(router: APIRouter, path: str, what: str) -> None:
    @router.post(
        path,
        summary=f"{what}: not yet",
        operation_id=f"later{path.replace('/', '_')}",
        status_code=501,
        response_model=OpenAIError,
        responses=answers(401, 501, openai=True),
    )
    async def later() -> NoReturn:
        raise Refused(501, f"{what} cannot be made yet.", hint="Text can.", code="not_yet")
