"""The studio page. It holds nothing of anybody's: what it shows it asks for, with the token that its user gave it."""

from collections.abc import Sequence
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from tenku.api.static import StaticFolder

WEB = Path(__file__).parent.parent / "web"
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def page_routes() -> Sequence[BaseRoute]:
    """The page and its files; they need no token, and stand in no description of the API."""
    return (
        Route("/", _home),
        Route("/studio", _page),
        Route("/studio/{name}", StaticFolder(WEB / "studio").serve),
        Route("/static/{name}", StaticFolder(WEB).serve),
    )


async def _home(_: Request) -> Response:
    return RedirectResponse("/studio")


async def _page(_: Request) -> Response:
    return FileResponse(WEB / "studio" / "studio.html", headers=SECURITY)
