"""Objects of a store over HTTP, as deploy/nginx/origin.conf serves them: one more mirror."""

import asyncio

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tenku.api.byterange import parse_range
from tenku.base.errors import ContentError, NotFoundError
from tenku.content.shelf import Held, Shelf

FOR_EVER = "public, max-age=31536000, immutable"
FOR_NOW = "no-cache"
NEVER = "no-store"
"""For what goes wrong: a cache in front must not remember that an object is missing which comes a second later."""

BLOCK = 1024 * 1024


def content_app(shelf: Shelf) -> Starlette:
    """An application that serves what a shelf finds, and nothing else."""
    return Starlette(routes=ContentRoutes(shelf).routes())


class ContentRoutes:
    """Answers requests with what a shelf finds."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def routes(self) -> list[Route]:
        """For GET and HEAD."""
        return [Route("/{key:path}", self.serve)]

    async def serve(self, request: Request) -> Response:
        """An object, a range of it, 304 where the client has it, 404, or 502 where it cannot be brought."""
        try:
            held = await self._shelf.open(request.path_params["key"])
        except NotFoundError:
            return _sorry("There is no such object.", 404)
        except ContentError as error:
            return _sorry(error.sentence(), 502)
        return _answer(request, held)


class HeldResponse(Response):
    """A part of an object, block by block, so that a slow reader costs one block of memory."""

    def __init__(self, held: Held, part: range, *, status: int, headers: dict[str, str]) -> None:
        super().__init__(status_code=status, headers=headers, media_type="application/octet-stream")
        self._held = held
        self._part = part

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Send it, then close the object."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] != "HEAD":
                await self._send_blocks(send)
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._held.close()

    async def _send_blocks(self, send: Send) -> None:
        position = self._part.start
        while position < self._part.stop:
            length = min(BLOCK, self._part.stop - position)
            block = await asyncio.to_thread(self._held.read, position, length)
            if not block:
                # The server closes the connection of an answer that is shorter than it said.
                return
            await send({"type": "http.response.body", "body": block, "more_body": True})
            position += len(block)


def _answer(request: Request, held: Held) -> Response:
    etag = f'"{held.mark}"'
    headers = {
        "ETag": etag,
        "Cache-Control": FOR_NOW if held.changes else FOR_EVER,
        "X-Content-Type-Options": "nosniff",
    }
    if etag in (tag.strip() for tag in request.headers.get("if-none-match", "").split(",")):
        held.close()
        return Response(status_code=304, headers=headers)
    part = _part(request, held, etag)
    if part is None:
        headers["Content-Length"] = str(held.size)
        return HeldResponse(held, range(held.size), status=200, headers=headers)
    if not part:
        held.close()
        return _sorry("The object has no such bytes.", 416, {"Content-Range": f"bytes */{held.size}"})
    headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{held.size}"
    headers["Content-Length"] = str(len(part))
    return HeldResponse(held, part, status=206, headers=headers)


def _part(request: Request, held: Held, etag: str) -> range | None:
    """What is asked for; None: all. What changes is sent whole: parts of two versions would not fit together."""
    if held.changes or request.headers.get("if-range", etag) != etag:
        return None
    return parse_range(request.headers.get("range", ""), held.size)


def _sorry(text: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(f"{text}\n", status_code=status, headers={"Cache-Control": NEVER, **(headers or {})})
