"""deploy/nginx: an origin serves what a store publishes and nothing else; an edge keeps it near its players."""

import asyncio
import hashlib
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from content_faults import FaultServer
from live import until
from nginx import edge, origin
from tenku.base.errors import NotFoundError
from tenku.content.stores.web import WebStore

PACK = random.Random(7).randbytes(3 * 1024 * 1024 + 17)
HASH = hashlib.sha256(PACK).hexdigest()
PACK_PATH = f"/supergame/pack/{HASH}"
HEAD_PATH = "/supergame/head/beta"
FOREVER = "public, max-age=31536000, immutable"
PART = {"Range": "bytes=1048000-1050000"}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store's folder with one of everything, and some things that are nobody's business."""
    root = tmp_path / "store"
    for path, content in {
        PACK_PATH: PACK,
        HEAD_PATH: b"head 1",
        "/supergame/trust": b"keys",
        f"/supergame/release/{HASH}": b"release",
        f"/supergame/page/{HASH}": b"page",
        f"/supergame/delta/{HASH}": b"delta",
        "/supergame/mark/1": b"mark",
        f"/supergame/pack/.{HASH}.tmp": b"half",
        f"/supergame/pack/{HASH}.tmp": b"half",
        "/supergame/notes.txt": b"notes",
        "/secret": b"secret",
    }.items():
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return root


@pytest.fixture
def at_origin(store: Path, tmp_path: Path) -> Iterator[httpx.Client]:
    with origin(store, tmp_path / "origin") as url, httpx.Client(base_url=url) as client:
        yield client


@pytest.fixture
def far(store: Path) -> Iterator[FaultServer]:
    """An origin that counts, and can be told to fail."""
    with FaultServer(store) as server:
        yield server


@pytest.fixture
def near(far: FaultServer, tmp_path: Path) -> Iterator[httpx.Client]:
    with edge(far.url, tmp_path / "edge") as url, httpx.Client(base_url=url) as client:
        yield client


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_origin_serves_objects_for_ever_and_heads_for_now(at_origin: httpx.Client) -> None:
    for kind in ("release", "page", "pack", "delta"):
        answer = at_origin.get(f"/supergame/{kind}/{HASH}")
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, FOREVER)
    for path in (HEAD_PATH, "/supergame/trust"):
        answer = at_origin.get(path)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
        again = at_origin.get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.headers["Cache-Control"]) == (304, "no-cache")


def test_the_origin_serves_one_range(at_origin: httpx.Client) -> None:
    answer = at_origin.get(PACK_PATH, headers=PART)
    assert (answer.status_code, answer.content) == (206, PACK[1048000:1050001])
    assert answer.headers["Cache-Control"] == FOREVER
    assert answer.headers["Content-Range"] == f"bytes 1048000-1050000/{len(PACK)}"
    assert at_origin.get(PACK_PATH, headers={"Range": "bytes=99999999-"}).status_code == 416
    assert at_origin.head(PACK_PATH).headers["Content-Length"] == str(len(PACK))


OTHER_PATHS = [
    "/",
    "/supergame",
    "/supergame/",
    "/supergame/pack/",
    "/supergame/head/",
    "/supergame/mark/1",
    f"/supergame/pack/.{HASH}.tmp",
    f"/supergame/pack/{HASH}.tmp",
    f"/supergame/pack/{HASH.upper()}",
    "/supergame/notes.txt",
    "/secret",
    "/supergame/pack/..%2f..%2fsecret",
    "/supergame/head/%2e%2e/trust/x",
]


@pytest.mark.parametrize("path", OTHER_PATHS)
def test_nothing_else_is_served(at_origin: httpx.Client, path: str) -> None:
    answer = at_origin.get(path)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-store")
    assert b"secret" not in answer.content


def test_what_is_missing_now_may_come_a_second_later(at_origin: httpx.Client, store: Path) -> None:
    path = f"/supergame/pack/{'0' * 64}"
    answer = at_origin.get(path)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-store")
    (store / path.lstrip("/")).write_bytes(b"new")
    assert at_origin.get(path).content == b"new"


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PROPFIND"])
def test_nobody_writes(at_origin: httpx.Client, near: httpx.Client, method: str) -> None:
    for client in (at_origin, near):
        assert client.request(method, PACK_PATH, content=b"x").status_code == 405


def test_the_edge_answers_alone_what_it_has_once_answered(near: httpx.Client, far: FaultServer) -> None:
    first = near.get(PACK_PATH, headers=PART)
    assert (first.status_code, first.content) == (206, PACK[1048000:1050001])
    assert (first.headers["Cache-Control"], first.headers["X-Cache"]) == (FOREVER, "MISS")
    # It answers as soon as it has what was asked for, and keeps the rest of the slice when that comes.
    until(lambda: far.sent() >= 2 * 1024 * 1024, what="two slices")
    assert far.sent() == 2 * 1024 * 1024
    far.clear()
    far.close()
    second = near.get(PACK_PATH, headers={"Range": "bytes=0-2000000"})
    assert (second.status_code, second.content, second.headers["X-Cache"]) == (206, PACK[:2000001], "HIT")
    assert second.headers["Cache-Control"] == FOREVER


def test_the_edge_passes_whole_objects_and_says_what_is_missing(near: httpx.Client, far: FaultServer) -> None:
    whole = near.get(PACK_PATH)
    assert (whole.status_code, whole.content) == (200, PACK)
    assert near.get(f"/supergame/page/{HASH}").content == b"page"
    assert near.get(f"/supergame/page/{'0' * 64}").status_code == 404
    (far.folder / f"supergame/page/{'0' * 64}").write_bytes(b"new")
    assert near.get(f"/supergame/page/{'0' * 64}").content == b"new"


def test_slices_of_an_origin_that_was_copied_afresh_fit_together(
    near: httpx.Client, store: Path, tmp_path: Path
) -> None:
    """A copy has another time, and so another ETag, but the same content."""
    with origin(store, tmp_path / "origin") as url, edge(url, tmp_path / "second") as second:
        assert httpx.get(second + PACK_PATH, headers={"Range": "bytes=0-9"}).content == PACK[:10]
        os.utime(store / PACK_PATH.lstrip("/"), (1, 1))
        assert httpx.get(second + PACK_PATH).content == PACK
    assert near


def test_the_edge_asks_for_a_head_again_within_seconds(near: httpx.Client, far: FaultServer, store: Path) -> None:
    head = near.get(HEAD_PATH)
    assert (head.content, head.headers["Cache-Control"]) == (b"head 1", "no-cache")
    assert [near.get(HEAD_PATH).content for _ in range(20)] == [b"head 1"] * 20
    assert far.count("supergame/head/*") <= 2
    (store / HEAD_PATH.lstrip("/")).write_bytes(b"head 2")
    start = time.monotonic()
    wait_for(lambda: near.get(HEAD_PATH).content == b"head 2")
    assert time.monotonic() - start < 5


def test_an_edge_whose_origin_is_away_serves_the_last_head(near: httpx.Client, far: FaultServer) -> None:
    near.get(HEAD_PATH)
    far.close()
    wait_for(lambda: near.get(HEAD_PATH).headers["X-Cache"] == "STALE")
    assert near.get(HEAD_PATH).content == b"head 1"


def test_the_client_of_tenku_reads_through_both(store: Path, tmp_path: Path) -> None:
    async def talk(url: str) -> None:
        web = WebStore(url)
        try:
            for _ in range(2):
                assert await web.get(PACK_PATH[1:], limit=len(PACK)) == PACK
                assert await web.get_range(PACK_PATH[1:], start=1000, length=2**21) == PACK[1000 : 1000 + 2**21]
                assert await web.get(HEAD_PATH[1:], limit=100) == b"head 1"
            with pytest.raises(NotFoundError):
                await web.get("supergame/head/other", limit=100)
        finally:
            web.close()

    with origin(store, tmp_path / "origin") as url, edge(url, tmp_path / "edge") as near:
        asyncio.run(talk(url))
        asyncio.run(talk(near))
        assert httpx.head(near + PACK_PATH).headers["Content-Length"] == str(len(PACK))
        assert httpx.get(near + PACK_PATH, headers={"Range": "bytes=99999999-"}).status_code == 416


def test_many_at_once_are_one_question_to_the_origin(near: httpx.Client, far: FaultServer) -> None:
    answers: list[bytes] = []
    url = str(near.base_url) + PACK_PATH
    threads = [
        threading.Thread(target=lambda: answers.append(httpx.get(url, headers={"Range": "bytes=0-99"}).content))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [PACK[:100]] * 8
    assert far.count(PACK_PATH[1:]) == 1


@pytest.mark.parametrize("path", OTHER_PATHS)
def test_the_edge_asks_the_origin_for_nothing_else(near: httpx.Client, far: FaultServer, path: str) -> None:
    assert near.get(path).status_code == 404
    assert far.count() == 0
