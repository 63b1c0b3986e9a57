"""The door of the API: who has no token gets no further, and nobody sends more than a request may be."""

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tenku.api.problem import error_response
from tenku.api.teams import TEAM
from tenku.base.errors import AccessError
from tenku.studio.chatwire import MAX_BODY

OPEN = frozenset({"/", "/healthz", "/openapi.json", "/studio"})
OPEN_BELOW = ("/studio/", "/static/")
"""What needs no token: it says nothing about anybody's work. The page asks for the token, and sends it."""


class Gate:
    """An application behind a door. Plain ASGI: a refused request is never read, a stream passes untouched.

    Args:
        owner: the team of the token that a text is, or empty where it has none; None: it is no token.
    """

    def __init__(self, app: ASGIApp, owner: Callable[[str], str | None]) -> None:
        self._app = app
        self._owner = owner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it pass, or answer 401 or 413."""
        if scope["type"] != "http" or _is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers, path = Headers(scope=scope), scope["path"]
        try:
            team = self._team(headers)
        except AccessError:
            # Where the file lies is nobody's business who is not in yet.
            sentence = "The server cannot read its tokens. `tenku tokens list` there says why."
            await error_response(path, 503, sentence)(scope, receive, send)
            return
        refusal = self._refusal(headers, path, known=team is not None)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._app({**scope, TEAM: team}, _limited(receive), send)

    def _team(self, headers: Headers) -> str | None:
        """The team of whoever knocks; None: they have no token. Loopback is no exception: any page in any browser of
        this machine can reach it."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return self._owner(token.strip()) if scheme.lower() == "bearer" else None

    def _refusal(self, headers: Headers, path: str, *, known: bool) -> ASGIApp | None:
        if not known:
            sentence = "A token is missing or wrong. Send `Authorization: Bearer TOKEN`."
            return error_response(
                path, 401, sentence, code="invalid_api_key", headers={"WWW-Authenticate": 'Bearer realm="tenku"'}
            )
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY:
            return error_response(path, 413, _too_long())
        return None


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN_BELOW)


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
