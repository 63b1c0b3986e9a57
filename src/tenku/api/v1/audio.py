"""POST /v1/audio/speech."""

import asyncio
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from tenku.api.problem import Refused, answers
from tenku.api.studioparts import StudioParts
from tenku.api.v1.asked import PRIORITY, Asked
from tenku.studio.model import JobSpec, Kind

MOST = 20_000
"""Characters of a text; OpenAI takes 4096."""
TYPES = ("audio/mpeg", "audio/wav", "audio/flac", "audio/ogg", "audio/aac", "audio/pcm")
SOUNDS: dict[str, Any] = {each: {"schema": {"type": "string", "format": "binary"}} for each in TYPES}


class Voice(BaseModel):
    """A voice as newer clients name it."""

    model_config = ConfigDict(extra="forbid")

    id: str


class SpeechIn(BaseModel):
    """A text to be said. `language` and `seed` are not OpenAI's: send them as `extra_body`."""

    model_config = ConfigDict(extra="forbid")

    input: str = Field(min_length=1, max_length=MOST)
    model: str | None = None
    voice: str | Voice | None = None
    """One of the model's, see /api/models/{name}/voices; absent or `default`: its usual one."""
    instructions: str | None = None
    """How it is said, for models that can be told."""
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: float = Field(default=1.0, ge=0.25, le=4.0, allow_inf_nan=False)
    stream_format: str | None = None
    """`audio`: the sound itself, which is all there is here."""
    language: str | None = None
    """Like `en-gb`; absent: the voice's own."""
    seed: int = Field(default=0, ge=0, lt=2**32)

    def parameters(self) -> dict[str, Any]:
        """Those of the job."""
        voice = self.voice.id if isinstance(self.voice, Voice) else self.voice
        given = {
            "voice": voice,
            "instructions": self.instructions,
            "language": self.language,
            "speed": self.speed if self.speed != 1 else None,
        }
        return {"format": self.response_format, **{name: value for name, value in given.items() if value}}


def audio_router(parts: StudioParts) -> APIRouter:
    """The route of speech."""
    router = APIRouter(tags=["OpenAI"])
    asked = Asked(parts)

    @router.post(
        "/v1/audio/speech",
        summary="Say a text",
        response_class=Response,
        responses=answers(400, 401, 404, 413, 422, 503, openai=True)
        | {200: {"description": "The sound, in the format that was asked for", "content": SOUNDS}},
    )
    async def speech(wanted: SpeechIn, request: Request) -> Response:
        if wanted.stream_format not in (None, "audio"):
            raise Refused(
                400,
                f"stream_format is {wanted.stream_format[:40]!r}.",
                hint="It is `audio`: events are not sent here.",
                code="invalid_request",
            )
        model = await asyncio.to_thread(asked.model, wanted.model, Kind.SPEECH)
        spec = JobSpec(
            kind=Kind.SPEECH,
            model=model.name,
            prompt=wanted.input,
            parameters=wanted.parameters(),
            seed=wanted.seed,
            priority=PRIORITY,
        )
        [job] = await asked.make(request, [spec])
        data = await asyncio.to_thread(asked.output, job)
        return Response(data, media_type=job.outputs[0].media_type, headers={"X-Content-Type-Options": "nosniff"})

    return router
