"""The store on a web server: what an honest one gives, and what a hostile one can do (nothing but deny service)."""

import asyncio
import contextlib
import datetime
import itertools
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from content_faults import (
    Cut,
    Endless,
    Fault,
    FaultServer,
    OtherRange,
    Redirect,
    Stall,
    Status,
    WholeFile,
    WrongLength,
)
from content_raw import RawServer
from tenku.api.certificate import ensure_certificate
from tenku.base.errors import NotFoundError, StoreError, UsageError
from tenku.content.stores import reply
from tenku.content.stores.patience import Patience
from tenku.content.stores.rate import RateLimit
from tenku.content.stores.reply import Asked, judge, next_address
from tenku.content.stores.web import WebStore

HASTY = Patience(connect_s=2, stall_s=0.3, crawl_s=0.4, crawl_bytes=1000)
HASTY_TO_CONNECT = Patience(connect_s=0.2, stall_s=0.3, crawl_s=0.4, crawl_bytes=1000)
KEY = "game/pack/aa"
SIZE = 300_000


@pytest.fixture
def data() -> bytes:
    return secrets.token_bytes(SIZE)


@pytest.fixture
def server(tmp_path: Path, data: bytes) -> Iterator[FaultServer]:
    (tmp_path / "game/pack").mkdir(parents=True)
    (tmp_path / KEY).write_bytes(data)
    with FaultServer(tmp_path) as server:
        yield server


@pytest.fixture
def store(server: FaultServer) -> Iterator[WebStore]:
    with contextlib.closing(WebStore(server.url, patience=HASTY)) as store:
        yield store


def get(store: WebStore, *, limit: int = SIZE) -> bytes:
    return asyncio.run(store.get(KEY, limit=limit))


def get_range(store: WebStore, start: int, length: int) -> bytes:
    return asyncio.run(store.get_range(KEY, start=start, length=length))


def test_objects_and_ranges_come_as_they_are(store: WebStore, data: bytes) -> None:
    assert get(store) == data
    for start, length in ((0, SIZE), (0, 1), (SIZE - 1, 1), (1000, 200_000), (5, 0)):
        assert get_range(store, start, length) == data[start : start + length]


def test_a_connection_is_used_again(store: WebStore, server: FaultServer) -> None:
    async def many() -> None:
        for number in range(5):
            await store.get_range(KEY, start=number, length=10)

    asyncio.run(many())
    assert len(server._open) == 1


def test_requests_beyond_the_connections_wait_for_their_turn(server: FaultServer, data: bytes) -> None:
    with contextlib.closing(WebStore(server.url, patience=Patience(connections=2))) as store:

        async def many() -> list[bytes]:
            return await asyncio.gather(*(store.get_range(KEY, start=each, length=1000) for each in range(20)))

        assert asyncio.run(many()) == [data[each : each + 1000] for each in range(20)]


def test_a_server_that_left_a_kept_connection_is_asked_on_a_new_one(store: WebStore, server: FaultServer) -> None:
    assert get_range(store, 0, 10)
    for connection in list(server._open):
        connection.shutdown(socket.SHUT_RDWR)
    assert get_range(store, 0, 10)


def test_what_is_not_there_is_not_found(store: WebStore) -> None:
    with pytest.raises(NotFoundError, match="game/pack/none"):
        asyncio.run(store.get("game/pack/none", limit=10))


def test_an_object_above_the_limit_is_not_read(store: WebStore) -> None:
    with pytest.raises(StoreError, match="at most 1,000 were expected"):
        get(store, limit=1000)


@pytest.mark.parametrize(("start", "length"), [(0, SIZE + 1), (SIZE - 1, 2), (SIZE, 1), (SIZE * 9, 10)])
def test_a_range_beyond_the_end_is_an_error(store: WebStore, start: int, length: int) -> None:
    with pytest.raises(StoreError):
        get_range(store, start, length)


def test_the_whole_object_in_place_of_a_range_is_cut(store: WebStore, server: FaultServer, data: bytes) -> None:
    server.add("*", WholeFile())
    assert get_range(store, 70_000, 100) == data[70_000:70_100]
    assert get_range(store, SIZE - 10, 10) == data[-10:]
    with pytest.raises(StoreError, match="only 300,000 bytes"):
        get_range(store, SIZE - 10, 11)


def test_a_whole_object_that_is_large_is_not_read_for_a_range() -> None:
    head = {"content-length": str(reply.MOST_FOR_A_RANGE + 1)}
    with pytest.raises(StoreError, match="where a range was asked"):
        judge(200, head, Asked(0, 10), where="x")
    with pytest.raises(StoreError, match="where a range was asked"):
        judge(200, {}, Asked(0, 10), where="x")


@pytest.mark.parametrize(
    "fault",
    [
        OtherRange(),
        Cut(after=0),
        Cut(after=1000),
        Stall(-1),
        Stall(0),
        Stall(1000),
        WrongLength(5),
        WrongLength(-5),
        Status(500),
        Status(403),
        Status(429),
        Status(204),
        Status(304),
        Redirect(),
        Redirect("file:" + "///etc/passwd"),
        Redirect("http://"),
        Redirect("http://127.0.0.1:0/x"),
        Redirect("http://[/"),
    ],
    ids=str,
)
def test_what_goes_wrong_with_a_range_is_a_named_error(store: WebStore, server: FaultServer, fault: Fault) -> None:
    server.add("*", fault)
    with pytest.raises(StoreError, match=KEY) as caught:
        get_range(store, 1000, 100_000)
    assert not isinstance(caught.value, NotFoundError)
    server.clear()
    assert len(get_range(store, 1000, 100_000)) == 100_000, "the store can be used on"


@pytest.mark.parametrize(
    "fault", [Cut(after=1000), Stall(-1), Stall(1000), WrongLength(5), Endless(), Redirect()], ids=str
)
def test_what_goes_wrong_with_a_whole_object_is_a_named_error(
    store: WebStore, server: FaultServer, fault: Fault
) -> None:
    server.add("*", fault)
    with pytest.raises(StoreError, match=KEY):
        get(store)


def test_an_endless_body_is_cut(store: WebStore, server: FaultServer) -> None:
    server.add("*", Endless())
    with pytest.raises(StoreError, match="longer than the 1,000,000"):
        get(store, limit=1_000_000)
    server.stopped.set()
    assert server.sent() < 20_000_000, "what the sockets hold, no more"


def test_a_redirect_is_followed(store: WebStore, server: FaultServer, data: bytes, tmp_path: Path) -> None:
    (tmp_path / "moved").write_bytes(data)
    server.add(KEY, Redirect("/moved"))
    assert get_range(store, 10, 100) == data[10:110]


def test_an_error_page_of_a_terabyte_is_not_read() -> None:
    """With obstore this ends the process: it allocates what the header says."""

    def answer(_: str) -> Iterator[bytes]:
        yield b"HTTP/1.1 500 No\r\nContent-Length: 1000000000000\r\n\r\n"
        yield from itertools.repeat(b"x" * 65536)

    with RawServer(answer) as server:
        fails(server, match="answered with 500")
        assert server.sent < 20_000_000


@pytest.mark.parametrize(
    "answer",
    [
        [b"what is HTTP?\n" * 1000],
        [],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\nContent-Encoding: gzip\r\n\r\n" + b"x" * 300_000],
        [b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999999\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\nabc"],
        [b"HTTP/1.1 206 Partial Content\r\nContent-Length: 10\r\n\r\n0123456789"],
        [b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/9999\r\n\r\n0123456789 and more"],
        [b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/9999\r\nContent-Length: 9\r\n\r\n012345678"],
        [b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"],
        [b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n"],
    ],
)
def test_nonsense_is_a_named_error(answer: list[bytes]) -> None:
    with RawServer(lambda _: answer) as server:
        fails(server, match=KEY)


@pytest.mark.parametrize(
    ("head", "drip"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n", b"X"),
        (b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/10\r\nContent-Length: 10\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"X: y\r\n"),
    ],
    ids=["100 for ever", "header for ever", "body byte by byte", "trailers for ever"],
)
def test_a_server_that_drips_is_given_up(head: bytes, drip: bytes) -> None:
    """Each byte comes before the stall time-out, and the answer never."""

    def answer(_: str) -> Iterator[bytes]:
        yield head
        while not dripping.stopped.wait(0.1):
            yield drip

    with RawServer(answer) as dripping:
        begin = time.monotonic()
        fails(dripping, match=KEY, patience=HASTY_TO_CONNECT)
        assert time.monotonic() - begin < 10


def test_a_chunked_object_is_read() -> None:
    answer = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"]
    with RawServer(lambda _: answer) as server, contextlib.closing(WebStore(server.url)) as store:
        assert asyncio.run(store.get(KEY, limit=5)) == b"abcde"
        with pytest.raises(StoreError, match="longer than the 4 bytes"):
            asyncio.run(store.get(KEY, limit=4))


def test_nobody_listens() -> None:
    store = WebStore("http://127.0.0.1:9/games", patience=HASTY)
    with contextlib.closing(store), pytest.raises(StoreError, match="Connection refused"):
        get(store)


def test_a_pull_that_is_cancelled_ends_its_requests(store: WebStore, server: FaultServer) -> None:
    server.add("*", Stall(1000))

    async def cancelled() -> float:
        task = asyncio.create_task(store.get(KEY, limit=SIZE))
        while not server.sent():  # noqa: ASYNC110 - another thread sends
            await asyncio.sleep(0.01)
        begin = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - begin

    assert asyncio.run(cancelled()) < 0.2


@contextlib.contextmanager
def tls(server: FaultServer, folder: Path) -> Iterator[tuple[str, ssl.SSLContext]]:
    """The server behind TLS: its address, and what a client has to trust."""
    cert, key = ensure_certificate(folder, names=["127.0.0.1"], now=datetime.datetime.now(datetime.UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    yield server.url.replace("http:", "https:"), ssl.create_default_context(cafile=str(cert))


def test_tls_is_spoken_and_a_stall_under_it_is_ended(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "game/pack").mkdir(parents=True)
    (tmp_path / KEY).write_bytes(data)
    server = FaultServer(tmp_path)
    with tls(server, tmp_path / "tls") as (url, trusted), server:
        store = WebStore(url, patience=HASTY, tls=trusted)
        assert get(store) == data
        assert get_range(store, 5, 10) == data[5:15]
        server.add("*", Stall(1000))
        with contextlib.closing(store), pytest.raises(StoreError, match="in time"):
            get(store)


def test_a_handshake_that_drips_is_given_up_and_holds_no_thread() -> None:
    """A thread that waits on would keep the program from ending."""

    def drip() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"\x16\x03\x03\x40\x00")  # the beginning of a long record
            while True:
                time.sleep(0.05)
                connection.sendall(b"\x02")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=drip)
        server.start()
        store = WebStore(f"https://127.0.0.1:{listener.getsockname()[1]}", patience=HASTY_TO_CONNECT)
        with contextlib.closing(store), pytest.raises(StoreError, match="in time"):
            get(store)
        begin = time.monotonic()
        store._threads.shutdown(wait=True)
        server.join()
        assert time.monotonic() - begin < 0.3


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    server = FaultServer(tmp_path)
    with tls(server, tmp_path / "tls") as (url, _), server:
        store = WebStore(url, patience=HASTY)
        with contextlib.closing(store), pytest.raises(StoreError, match=r"(?i)certificate verify failed"):
            get(store)
    assert server.count() == 0


def test_a_password_goes_to_its_server_alone_and_is_not_shown() -> None:
    def answer(_: str) -> list[bytes]:
        return [f"HTTP/1.1 302 Found\r\nLocation: {other.url}/x\r\nContent-Length: 0\r\n\r\n".encode()]

    with RawServer(lambda _: [b"HTTP/1.1 404 No\r\n\r\n"]) as other, RawServer(answer) as server:
        url = server.url.replace("//", "//me:geheim@")
        with contextlib.closing(WebStore(url)) as store:
            with pytest.raises(NotFoundError) as caught:
                get(store)
            assert "geheim" not in store.name + str(caught.value)
        assert "Authorization: Basic bWU6Z2VoZWlt" in server.requests[0]
        assert "Authorization" not in other.requests[0]


def test_a_redirect_never_leaves_tls() -> None:
    assert next_address("https://a/b/c", "d", where="x") == "https://a/b/d"
    assert next_address("http://a/b", "https://c/d", where="x") == "https://c/d"
    with pytest.raises(StoreError, match="from https to http"):
        next_address("https://a/b", "http://a/b", where="x")


@pytest.mark.parametrize("url", ["http://", "https:///x", "http://a:b/c", "http://[/", "ftp://a/b", "http://a/b?c=d"])
def test_what_is_no_address_of_a_store_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        WebStore(url)


@pytest.mark.parametrize("key", ["", "/a", "a//b", "../a", "a/..", "a/.b", "a b", "a?b", "a%2e", "é", "a" * 600])
def test_a_key_that_could_mean_something_else_is_refused(store: WebStore, key: str) -> None:
    with pytest.raises(UsageError):
        asyncio.run(store.get(key, limit=1))


def test_a_rate_limit_holds_over_all_requests_together() -> None:
    rate = RateLimit(1000, burst_s=0.5)
    assert rate.take(100, now=100.0) == 0
    assert rate.take(400, now=100.0) == 0
    assert rate.take(1000, now=100.0) == 1.0
    assert rate.take(1000, now=100.5) == 1.5
    assert rate.take(500, now=200.0) == 0, "a long pause is worth one burst"
    assert rate.take(500, now=200.0) == 0.5


def test_a_download_takes_as_long_as_its_rate_limit_says(server: FaultServer, data: bytes) -> None:
    """And the waiting is not taken for a stall of the server's."""
    rate = RateLimit(200_000, burst_s=0.1)
    with contextlib.closing(WebStore(server.url, patience=HASTY, rate=rate)) as store:
        begin = time.monotonic()
        assert get(store) == data
        assert 1.2 < time.monotonic() - begin < 6


def fails(server: RawServer, *, match: str, patience: Patience = HASTY) -> None:
    """Both ways to ask end with a named error."""
    with contextlib.closing(WebStore(server.url, patience=patience)) as store:
        with pytest.raises(StoreError, match=match):
            asyncio.run(store.get_range(KEY, start=0, length=10))
        with pytest.raises(StoreError, match=match):
            asyncio.run(store.get(KEY, limit=SIZE))
