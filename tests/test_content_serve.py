"""`tenku serve-content` is one more mirror: it serves a store's objects, and brings those that it lacks once."""

import asyncio
import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from content_faults import FaultServer, Flip, Status
from tenku.api.byterange import parse_range
from tenku.api.content import content_app
from tenku.api.server import HttpServer, bind
from tenku.base.convert import byte_count
from tenku.base.errors import UsageError
from tenku.cli.main import main
from tenku.content.cache import AWAY_S, FRESH_S, MARK, ReadThrough
from tenku.content.hashes import hash_bytes
from tenku.content.layout import parse_key
from tenku.content.recency import Recency
from tenku.content.shelf import FolderShelf, Shelf
from tenku.content.stores.backoff import Backoff
from tenku.content.stores.folder import FolderStore
from tenku.content.stores.mirrors import Mirrors
from tenku.content.stores.web import WebStore

PACK = os.urandom(2_500_000)
OTHER = os.urandom(1_000_000)
FOREVER = "public, max-age=31536000, immutable"
HEAD = "supergame/head/beta"


def key(data: bytes, kind: str = "pack") -> str:
    return f"supergame/{kind}/{hash_bytes(data).hex()}"


def put(root: Path, path: str, data: bytes) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A published store's folder."""
    root = tmp_path / "store"
    for data, kind in ((PACK, "pack"), (OTHER, "pack"), (b"page", "page"), (b"release", "release"), (b"", "delta")):
        put(root, key(data, kind), data)
    put(root, HEAD, b"head 1")
    put(root, "supergame/trust", b"keys")
    put(root, "supergame/mark/1", b"mark")
    put(root, ".unfinished/1", b"half")
    put(root, "secret", b"secret")
    return root


@contextlib.asynccontextmanager
async def served(shelf: Shelf) -> AsyncIterator[httpx.AsyncClient]:
    """A real server on a free port."""
    server = HttpServer(content_app(shelf), bind("127.0.0.1", 0), tls=None)
    await server.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=20) as client:
            yield client
    finally:
        await server.close()


def with_folder(store: Path, ask: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    async def talk() -> None:
        async with served(FolderShelf(store)) as client:
            await ask(client)

    asyncio.run(talk())


def test_objects_are_served_with_ranges_and_for_ever(store: Path) -> None:
    async def ask(client: httpx.AsyncClient) -> None:
        whole = await client.get(key(PACK))
        assert (whole.status_code, whole.content, whole.headers["Cache-Control"]) == (200, PACK, FOREVER)
        assert whole.headers["Content-Length"] == str(len(PACK))
        for asked, part in {
            "bytes=0-0": PACK[:1],
            "bytes=1000-2400000": PACK[1000:2400001],
            "bytes=2499990-9999999": PACK[-10:],
            "bytes=2499990-": PACK[-10:],
            "bytes=-7": PACK[-7:],
        }.items():
            answer = await client.get(key(PACK), headers={"Range": asked})
            assert (answer.status_code, answer.content) == (206, part)
            start = PACK.index(part)
            assert answer.headers["Content-Range"] == f"bytes {start}-{start + len(part) - 1}/{len(PACK)}"
        beyond = await client.get(key(PACK), headers={"Range": "bytes=2500000-"})
        assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */2500000")
        assert (await client.get(key(b"", "delta"))).content == b""
        head = await client.head(key(PACK))
        assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", str(len(PACK)))
        again = await client.get(key(PACK), headers={"If-None-Match": whole.headers["ETag"]})
        assert (again.status_code, again.headers["Cache-Control"]) == (304, FOREVER)
        stale = await client.get(key(PACK), headers={"If-Range": '"other"', "Range": "bytes=0-0"})
        assert (stale.status_code, len(stale.content)) == (200, len(PACK))

    with_folder(store, ask)


def test_heads_are_served_whole_and_asked_for_again(store: Path) -> None:
    async def ask(client: httpx.AsyncClient) -> None:
        head = await client.get(HEAD, headers={"Range": "bytes=0-1"})
        assert (head.status_code, head.content, head.headers["Cache-Control"]) == (200, b"head 1", "no-cache")
        tag = {"If-None-Match": head.headers["ETag"]}
        assert (await client.get(HEAD, headers=tag)).status_code == 304
        put(store, HEAD, b"head 2")  # Same size, same second.
        assert (await client.get(HEAD, headers=tag)).content == b"head 2"
        assert (await client.get("supergame/trust")).content == b"keys"

    with_folder(store, ask)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "supergame",
        "supergame/",
        "supergame/pack/",
        "supergame/mark/1",
        ".unfinished/1",
        "secret",
        "supergame/pack/..%2f..%2fsecret",
        "supergame/head/..%2ftrust",
        "..%2f..%2fetc%2fpasswd",
        "%2fetc%2fpasswd",
        f"supergame/pack/{'A' * 64}",
        f"supergame/pack/{'0' * 64}",
        f"supergame/pack/{'0' * 64}%00",
        f"supergame/pack/{'0' * 64}%0a",
    ],
)
def test_nothing_else_is_served(store: Path, path: str) -> None:
    async def ask(client: httpx.AsyncClient) -> None:
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-store")
        assert (await client.put(path or "x", content=b"x")).status_code == 405

    with_folder(store, ask)


def test_what_lies_in_the_place_of_an_object_is_not_served(store: Path) -> None:
    async def ask(client: httpx.AsyncClient) -> None:
        for name in "abc":
            assert (await client.get(f"supergame/pack/{name * 64}")).status_code == 502

    (store / f"supergame/pack/{'a' * 64}").symlink_to(store / "secret")
    (store / f"supergame/pack/{'b' * 64}").mkdir()
    os.mkfifo(store / f"supergame/pack/{'c' * 64}")
    with_folder(store, ask)


@dataclass
class Near:
    """A cache before a server that counts and can fail."""

    root: Path
    most: int | None = None
    now: float = 1000.0
    notes: list[str] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def run(self, *urls: str) -> AsyncIterator[httpx.AsyncClient]:
        stores = [WebStore(url) for url in urls]
        upstream = Mirrors(stores, backoff=Backoff(rounds=1))
        local = FolderStore(self.root)
        cache = ReadThrough(
            self.root, local, upstream, most=self.most, clock=lambda: self.now, notify=self.notes.append
        )
        await cache.start()
        try:
            async with served(cache) as client:
                yield client
        finally:
            await cache.close()
            for store in stores:
                store.close()


@pytest.fixture
def near(tmp_path: Path) -> Near:
    return Near(tmp_path / "near")


def test_many_who_ask_at_once_cost_upstream_one_answer(store: Path, near: Near) -> None:
    async def talk(far: FaultServer) -> None:
        async with near.run(far.url) as client:
            asked = [client.get(key(PACK), headers={"Range": f"bytes={n}-{n}"}) for n in range(20)]
            answers = await asyncio.gather(*asked)
            assert b"".join(answer.content for answer in answers) == PACK[:20]
            assert {answer.headers["Content-Range"][-8:] for answer in answers} == {"/2500000"}
        assert (far.count(), far.sent()) == (1, len(PACK))

    with FaultServer(store) as far:
        asyncio.run(talk(far))
    assert (near.root / key(PACK)).read_bytes() == PACK


def test_what_was_brought_is_served_without_upstream_also_by_the_next_process(store: Path, near: Near) -> None:
    async def talk(far: FaultServer) -> None:
        async with near.run(far.url) as client:
            await client.get(key(PACK))
            await client.get(HEAD)
            far.close()
            assert (await client.get(key(PACK))).content == PACK
        async with near.run(far.url) as client:
            assert (await client.get(key(PACK))).content == PACK
            assert (await client.get(HEAD)).content == b"head 1"
            assert (await client.get(key(OTHER))).status_code == 502
            assert (await client.get("supergame/head/other")).status_code == 502

    with FaultServer(store) as far:
        asyncio.run(talk(far))
    assert "Upstream is away; supergame/head/beta is served as it was last." in near.notes[0]


def test_a_head_is_asked_for_again_after_seconds(store: Path, near: Near) -> None:
    async def talk(far: FaultServer) -> None:
        async with near.run(far.url) as client:
            for _ in range(5):
                assert (await client.get(HEAD)).content == b"head 1"
            assert far.count(HEAD) == 1
            put(store, HEAD, b"head 2")
            assert (await client.get(HEAD)).content == b"head 1"
            near.now += FRESH_S
            assert (await client.get(HEAD)).content == b"head 2"
            assert far.count(HEAD) == 2

            far.add(HEAD, Status(503))
            near.now += FRESH_S
            assert [(await client.get(HEAD)).content for _ in range(3)] == [b"head 2"] * 3
            assert far.count(HEAD) == 3, "upstream that failed is left alone for a while"
            far.clear()
            put(store, HEAD, b"head 3")
            near.now += AWAY_S
            assert (await client.get(HEAD)).content == b"head 3"

            (store / HEAD).unlink()
            near.now += FRESH_S
            assert (await client.get(HEAD)).status_code == 404

    with FaultServer(store) as far:
        asyncio.run(talk(far))


def test_an_object_that_is_not_what_its_name_says_is_never_kept_or_served(store: Path, near: Near) -> None:
    async def talk(liar: FaultServer, honest: FaultServer) -> None:
        liar.add("*/pack/*", Flip(-1))
        async with near.run(liar.url) as client:
            answer = await client.get(key(PACK))
            assert (answer.status_code, answer.headers["Cache-Control"]) == (502, "no-store")
            assert "hash" in answer.text
            assert not (near.root / key(PACK)).exists()
        async with near.run(liar.url, honest.url) as client:
            assert (await client.get(key(PACK))).content == PACK

    with FaultServer(store) as liar, FaultServer(store) as honest:
        asyncio.run(talk(liar, honest))


def test_a_cache_asks_upstream_for_nothing_but_objects(store: Path, near: Near) -> None:
    async def talk(far: FaultServer) -> None:
        async with near.run(far.url) as client:
            for path in ("", "secret", "supergame/mark/1", "supergame/pack/..%2f..%2fsecret"):
                assert (await client.get(path)).status_code == 404
            assert far.count() == 0
            assert (await client.get(f"supergame/pack/{'0' * 64}")).status_code == 404

    with FaultServer(store) as far:
        asyncio.run(talk(far))


def test_what_was_not_asked_for_the_longest_is_forgotten(store: Path, near: Near) -> None:
    near.most = 4_000_000
    third = os.urandom(1_200_000)
    put(store, key(third), third)

    async def talk(far: FaultServer) -> None:
        async with near.run(far.url) as client:
            for data in (PACK, OTHER, PACK, third):
                assert (await client.get(key(data))).content == data
            assert {path.name for path in (near.root / "supergame/pack").iterdir()} == {
                hash_bytes(PACK).hex(),
                hash_bytes(third).hex(),
            }
            assert (await client.get(key(OTHER))).content == OTHER
        near.most = 100
        async with near.run(far.url):
            assert len(list((near.root / "supergame/pack").iterdir())) == 1, "the next process keeps the limit, too"

    with FaultServer(store) as far:
        asyncio.run(talk(far))


def test_one_who_leaves_does_not_stop_it_for_the_others(store: Path, near: Near) -> None:
    async def talk(far: FaultServer) -> None:
        async with near.run(far.url) as client:
            port = client.base_url.port
            gone = http.client.HTTPConnection("127.0.0.1", port)
            await asyncio.to_thread(gone.request, "GET", f"/{key(PACK)}")
            gone.close()
            assert (await client.get(key(PACK))).content == PACK

    with FaultServer(store) as far:
        asyncio.run(talk(far))
        assert far.count() == 1


def test_a_cache_whose_disk_is_full_passes_on_what_it_brings(store: Path, near: Near) -> None:
    async def talk(far: FaultServer) -> None:
        async with near.run(far.url) as client:
            put(near.root, "supergame", b"a file in the place of the folder")
            assert (await client.get(key(PACK))).content == PACK
            assert (await client.get(HEAD)).content == b"head 1"

    with FaultServer(store) as far:
        asyncio.run(talk(far))
    assert [note.partition(".")[0] for note in near.notes] == [
        "An object is passed on without being kept",
        "A head is passed on without being kept",
    ]


def test_a_cache_takes_no_folder_that_is_somebody_elses(store: Path, near: Near) -> None:
    near.root = store

    async def talk() -> None:
        async with near.run("http://127.0.0.1:9"):
            pass

    with pytest.raises(UsageError, match="is not empty"):
        asyncio.run(talk())
    (store / MARK).touch()
    asyncio.run(talk())


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9)), max_size=20), st.integers(0, 20))
def test_the_latest_that_fit_are_left(touched: list[tuple[str, int]], most: int) -> None:
    recency = Recency()
    for name, size in touched:
        recency.touch(name, size)
    latest = dict(reversed(list({name: None for name, _ in reversed(touched)}.items())))
    sizes = dict(touched)
    dropped = recency.drop(most)
    left = [name for name in latest if name not in dropped]
    assert dropped == list(latest)[: len(dropped)], "oldest first"
    assert recency.total == sum(sizes[name] for name in left)
    assert recency.total <= most or len(left) == 1
    assert not dropped or recency.total + sizes[dropped[-1]] > most, "no more than has to be"


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_a_range_is_what_slicing_says(size: int, first: int, last: int) -> None:
    whole = range(size)
    assert parse_range(f"bytes=-{first}", size) == whole[max(0, size - first) :]
    assert list(parse_range(f"bytes={first}-", size) or ()) == list(whole[first:])
    if first <= last:
        assert list(parse_range(f"bytes={first}-{last}", size) or ()) == list(whole[first : last + 1])
    else:
        assert parse_range(f"bytes={first}-{last}", size) is None


@pytest.mark.parametrize("header", ["", "bytes=", "bytes=-", "bytes=0-1,3-4", "items=0-1", "bytes=a-b", "bytes=٣-"])
def test_what_is_no_single_range_means_all(header: str) -> None:
    assert parse_range(header, 10) is None


@pytest.mark.parametrize("path", ["a/head/b", "a/trust", f"a/pack/{'0' * 64}"])
def test_keys_of_the_layout_are_known(path: str) -> None:
    address = parse_key(path)
    assert address
    assert address.kind in path
    assert (address.hash is not None) == path.startswith("a/pack")


def test_sizes_are_written_as_on_disks() -> None:
    assert [byte_count(text) for text in ("50G", " 1.5m ", "8000")] == [50 * 10**9, 1_500_000, 8000]
    for text in ("", "G", "5T", "x"):
        with pytest.raises(ValueError, match="50G"):
            byte_count(text)


@contextlib.contextmanager
def command(*arguments: str | Path) -> Iterator[str]:
    """The command as people start it; its URL. Ends it as Ctrl-C does, and looks that it ends well."""
    program = [sys.executable, "-m", "tenku.cli.main", "serve-content", *arguments, "--port", "0", "--json"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        try:
            yield json.loads(child.stdout.readline())["url"]
        finally:
            child.send_signal(signal.SIGINT)
            code = child.wait(timeout=20)
    assert code == 0


def test_the_command_serves_a_folder_and_a_second_one_brings_from_it(store: Path, tmp_path: Path) -> None:
    with command(store) as far, command(tmp_path / "near", "--from", far, "--max-size", "50M") as near:
        answer = httpx.get(f"{near}/{key(PACK)}", headers={"Range": "bytes=5-9"})
        assert (answer.status_code, answer.content) == (206, PACK[5:10])
        assert httpx.get(f"{near}/{HEAD}").content == b"head 1"
    assert (tmp_path / "near" / key(PACK)).read_bytes() == PACK


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "nowhere is not a folder."),
        ([".", "--max-size", "5G"], "It goes with --from URL."),
        ([".", "--from", "http://127.0.0.1:9", "--max-size", "much"], "written like 50G"),
        ([".", "--from", "http://127.0.0.1:9", "--max-size", "-1"], "more than nothing"),
        ([".", "--port", "70000"], "ports are from 0 to 65535"),
        ([".", "--from", "ftp://example.org"], "ftp"),
    ],
)
def test_a_command_that_cannot_be_is_answered_with_one_sentence(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if "--port" not in arguments:
        arguments = [*arguments, "--port", "0"]
    assert main(["serve-content", *arguments]) == 2
    assert sentence in capsys.readouterr().err
