"""Sends an OpenAI request to the worker as it came, and its answer back as it comes."""

import asyncio
from collections.abc import Callable, Coroutine

from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from tenku.api.problem import Refused
from tenku.api.studioparts import StudioParts
from tenku.api.workerline import Reply
from tenku.studio.chatwire import Ask
from tenku.studio.model import InstalledModel, Kind

MOST = 256
"""Requests that are answered at the same time; what comes beyond is told to come again."""
CLOSED = 499
"""What a log of a proxy shows for a client that went away; nobody reads it."""


class _Passing(StreamingResponse):
    """A stream on its way; however it ends, also before it began, the worker hears of it."""

    def __init__(self, reply: Reply, *, ended: Callable[[], None]) -> None:
        super().__init__(reply.events(), reply.status, media_type="text/event-stream")
        self._reply = reply
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._reply.close()
            self._ended()


class Forward:
    """The way of one kind of request to the worker."""

    def __init__(self, parts: StudioParts) -> None:
        self._parts = parts
        self._under_way = 0

    async def send(self, request: Request, *, do: str, model: str) -> Response:
        """The worker's answer. Raises Refused."""
        self._find(model)
        if self._under_way >= MOST:
            raise Refused(429, f"{MOST} requests are being answered already.", hint="Try again.", code="busy")
        self._count(1)
        try:
            content = await request.body()
            reply = await _unless_gone(request, self._first(Ask(do, model, len(content)), content))
        except BaseException:
            self._count(-1)
            raise
        if isinstance(reply, Reply):
            return _Passing(reply, ended=lambda: self._count(-1))
        self._count(-1)
        return reply or Response(status_code=CLOSED)

    async def _first(self, ask: Ask, content: bytes) -> Reply | Response:
        """The beginning of a stream, or a whole answer."""
        reply = await self._parts.line.ask(ask, content)
        if reply.stream:
            return reply
        return Response(await reply.read(), reply.status, media_type="application/json")

    def _find(self, name: str) -> InstalledModel:
        models = {model.name: model for model in self._parts.models()}
        known = {each.name: each for each in models.values() if each.kind is Kind.TEXT}
        if name not in known:
            there = ", ".join(sorted(known)) or "none"
            other = models.get(name)
            why = f"{name} makes {other.kind.value}, not text." if other else f"There is no model {name!r} here."
            raise Refused(404, why, hint=f"Installed: {there}.", code="model_not_found")
        return known[name]

    def _count(self, change: int) -> None:
        self._under_way += change
        self._parts.metrics.answering.set(self._under_way)
        if change > 0:
            self._parts.metrics.chats.add()


async def _unless_gone(request: Request, work: Coroutine[None, None, Reply | Response]) -> Reply | Response | None:
    """What the work gives; None: the client went away first, and the work was ended."""
    doing, leaving = asyncio.create_task(work), asyncio.create_task(_gone(request))
    try:
        await asyncio.wait((doing, leaving), return_when=asyncio.FIRST_COMPLETED)
        return doing.result() if doing.done() else None
    finally:
        doing.cancel()
        leaving.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
