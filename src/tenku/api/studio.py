"""The application of `tenku serve`: OpenAI's API, jobs and models, behind one door."""

from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.security import HTTPBearer
from starlette.types import ASGIApp

from tenku import __version__
from tenku.api.events import events_router
from tenku.api.gate import Gate
from tenku.api.health import health_router
from tenku.api.inputs import inputs_router
from tenku.api.jobs import estimates_router, jobs_router
from tenku.api.models import models_router
from tenku.api.page import page_routes
from tenku.api.problem import Problem, add_error_handlers
from tenku.api.setfiles import set_files_router
from tenku.api.sets import own_sets, sets_router, styles_router
from tenku.api.studioparts import StudioParts
from tenku.api.v1.audio import audio_router
from tenku.api.v1.chat import chat_router
from tenku.api.v1.embeddings import embeddings_router
from tenku.api.v1.forward import Forward
from tenku.api.v1.images import images_router
from tenku.api.v1.models import openai_models_router
from tenku.api.v1.videos import videos_router
from tenku.api.voices import voices_router


def studio_app(parts: StudioParts, *, owner: Callable[[str], str | None]) -> ASGIApp:
    """The application. `owner`: the team of the token that a text is; empty: it has none; None: it is no token."""
    return Gate(routes_app(parts), owner)


def routes_app(parts: StudioParts) -> FastAPI:
    """The routes without their door."""
    # The pages that FastAPI makes load scripts from other people's servers: left out.
    app = FastAPI(title="Tenku", version=__version__, docs_url=None, redoc_url=None)
    forward = Forward(parts)
    # Checked by the door; here it only stands in the description.
    described = [Depends(HTTPBearer(auto_error=False, description="A token of `tenku serve`."))]
    for router in (
        chat_router(forward),
        embeddings_router(forward),
        openai_models_router(parts),
        images_router(parts),
        videos_router(parts),
        audio_router(parts),
        jobs_router(parts),
        events_router(parts),
        estimates_router(parts),
        inputs_router(parts),
        sets_router(parts),
        set_files_router(parts, partial(own_sets, parts)),
        styles_router(parts),
        models_router(parts),
        voices_router(parts),
    ):
        app.include_router(router, dependencies=described)
    app.include_router(health_router(parts))
    app.router.routes.extend(page_routes())
    add_error_handlers(app)
    app.openapi = lambda: _description(app)  # type: ignore[method-assign]
    return app


def _description(app: FastAPI) -> dict[str, Any]:
    """FastAPI's own, with the shape of problems, and without the answer 422 that it adds: ours have another shape."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, routes=app.routes)
        schemas = made["components"]["schemas"]
        schemas["Problem"] = Problem.model_json_schema()
        for operation in (each for operations in made["paths"].values() for each in operations.values()):
            if "HTTPValidationError" in str(operation["responses"].get("422", "")):
                del operation["responses"]["422"]
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = made
    return app.openapi_schema
