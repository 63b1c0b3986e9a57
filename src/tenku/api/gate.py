"""The door of the API: who has no token gets no further, and nobody sends more than a request may be."""

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tenku.api.problem import error_response
from tenku.base.errors import AccessError
from tenku.studio.chatwire import MAX_BODY

OPEN = frozenset({"/healthz", "/openapi.json"})
"""What needs no token: it says nothing about anybody's work."""


class Gate:
    """An application behind a door. Plain ASGI: a refused request is never read, a stream passes untouched.

    Args:
        owner: whose token a text is; None: nobody's.
    """

    def __init__(self, app: ASGIApp, owner: Callable[[str], str | None]) -> None:
        self._app = app
        self._owner = owner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it pass, or answer 401 or 413."""
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(headers, scope["path"])
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._app(scope, _limited(receive), send)

    def _refusal(self, headers: Headers, path: str) -> ASGIApp | None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        try:
            # Loopback is no exception: any page in any browser of this machine can reach it.
            known = scheme.lower() == "bearer" and self._owner(token.strip()) is not None
        except AccessError:
            # Where the file lies is nobody's business who is not in yet.
            return error_response(path, 503, "The server cannot read its tokens. `tenku tokens list` there says why.")
        if not known:
            sentence = "A token is missing or wrong. Send `Authorization: Bearer TOKEN`."
            return error_response(
                path, 401, sentence, code="invalid_api_key", headers={"WWW-Authenticate": 'Bearer realm="tenku"'}
            )
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY:
            return error_response(path, 413, _too_long())
        return None


def _limited(receive: Receive) -> Receive:
    """Counts what comes without saying how long it is."""
    left = MAX_BODY

    async def counted() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413, _too_long())
        return message

    return counted


def _too_long() -> str:
    return f"A request has at most {MAX_BODY >> 20} MiB."
