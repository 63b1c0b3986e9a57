"""The page's files: named, typed, cached by content, and nothing else."""

import asyncio
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from tenku.api.static import StaticFolder


def get(folder: Path, *requests: tuple[str, dict[str, str]]) -> list[httpx.Response]:
    """What a server with this folder answers."""
    app = Starlette(routes=[Route("/static/{name}", StaticFolder(folder).serve)])

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://tenku") as client:
            return [await client.get(f"/static/{name}", headers=headers) for name, headers in requests]

    return asyncio.run(ask())


def test_files_are_served_with_type_and_tag(tmp_path: Path) -> None:
    (tmp_path / "page.js").write_text("export const one = 1;")
    answer = get(tmp_path, ("page.js", {}))[0]
    assert answer.text == "export const one = 1;"
    assert "javascript" in answer.headers["content-type"]
    assert answer.headers["cache-control"] == "no-cache"
    again = get(tmp_path, ("page.js", {"If-None-Match": answer.headers["etag"]}))[0]
    assert (again.status_code, again.content) == (304, b"")


def test_nothing_else_is_served(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    names = ("nothing.js", "folder", "..%2f..%2fetc%2fpasswd")
    assert [answer.status_code for answer in get(tmp_path, *((name, {}) for name in names))] == [404] * 3
