"""Pictures as OpenAI streams them: what is to be seen so far, and then the whole one."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from tenku.api.studioparts import StudioParts
from tenku.api.v1.asked import LOOK_S, Asked
from tenku.studio.chatwire import body, openai_error
from tenku.studio.model import Job, State
from tenku.studio.previews import PNG

NOTHING_NEW = 60
"""After so many looks without an event a comment keeps proxies from closing the connection."""
NO_TOKENS = {
    **{"input_tokens": 0, "output_tokens": 0, "total_tokens": 0},
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
}
"""OpenAI's models count them; ours do not. Its clients want the field."""


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How pictures are streamed."""

    name: str
    """`image_generation` or `image_edit`: what events are called."""
    partial: int
    """Pictures of each that are sent before it is whole, at most."""
    size: str
    quality: str


class PictureStream(StreamingResponse):
    """The events of some jobs, one after the other. Whoever goes away wants none of them any more."""

    def __init__(self, parts: StudioParts, asked: Asked, jobs: Sequence[Job], manner: Manner) -> None:
        self._parts = parts
        self._jobs = jobs
        super().__init__(_events(parts, asked, jobs, manner), media_type="text/event-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            for job in self._jobs:
                await asyncio.to_thread(self._parts.queue.cancel, job.id)  # one that ended stays as it is


async def _events(parts: StudioParts, asked: Asked, jobs: Sequence[Job], manner: Manner) -> AsyncIterator[bytes]:
    for job in jobs:
        async for event in _of_one(parts, asked, job, manner):
            yield event


async def _of_one(parts: StudioParts, asked: Asked, job: Job, manner: Manner) -> AsyncIterator[bytes]:
    sent, shown, quiet, pause = 0, b"", 0, LOOK_S[0]
    while not job.state.ended:
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LOOK_S[1])
        job = await asyncio.to_thread(parts.queue.get, job.id)
        quiet += 1
        if is_due(job, sent=sent, partial=manner.partial):
            seen = await asyncio.to_thread(parts.results.preview, job.id)
            if seen and seen.startswith(PNG) and seen != shown:
                yield _event(parts, manner, "partial_image", seen, partial_image_index=sent)
                sent, shown, quiet = sent + 1, seen, 0
        if quiet % NOTHING_NEW == NOTHING_NEW - 1:
            yield b": nothing new\n\n"
    if job.state is State.DONE:
        whole = await asyncio.to_thread(asked.output, job)
        yield _event(parts, manner, "completed", whole, usage=NO_TOKENS)
        return
    failed = job.state is State.FAILED
    told = openai_error(job.error or "Somebody cancelled it.", status=422 if failed else 409, code=job.state.value)
    yield b"event: error\ndata: " + body(told) + b"\n\n"


def is_due(job: Job, *, sent: int, partial: int) -> bool:
    """Whether the next picture of an unfinished one is due: they are spread over the steps evenly."""
    done, total = job.progress.done, job.progress.total
    return bool(sent < partial and total and done / total >= (sent + 1) / (partial + 1))


def _event(parts: StudioParts, manner: Manner, what: str, picture: bytes, **more: Any) -> bytes:
    name = f"{manner.name}.{what}"
    fields = {
        "type": name,
        "b64_json": base64.b64encode(picture).decode(),
        "created_at": int(parts.now()),
        "size": manner.size,
        "quality": manner.quality,
        "background": "opaque",
        "output_format": "png",
        **more,
    }
    return f"event: {name}\n".encode() + b"data: " + body(fields) + b"\n\n"
