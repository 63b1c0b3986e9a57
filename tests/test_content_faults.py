"""The server that lies does so as it was told, and is honest otherwise."""

import http.client
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from content_faults import (
    Asked,
    Cut,
    Endless,
    Fault,
    FaultServer,
    Flip,
    OtherRange,
    Redirect,
    SlowStart,
    Stall,
    Status,
    WholeFile,
    WrongLength,
)

BODY = bytes(range(256)) * 1000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FaultServer]:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack/one").write_bytes(BODY)
    with FaultServer(tmp_path) as server:
        yield server


@pytest.fixture
def client(server: FaultServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=0.3) as client:
        yield client


RANGE = {"Range": "bytes=1000-1999"}


def test_without_faults_it_is_honest(server: FaultServer, client: httpx.Client) -> None:
    whole = client.get("/pack/one")
    assert (whole.status_code, whole.content) == (200, BODY)
    part = client.get("/pack/one", headers=RANGE)
    assert (part.status_code, part.content) == (206, BODY[1000:2000])
    assert part.headers["Content-Range"] == f"bytes 1000-1999/{len(BODY)}"
    assert client.get("/pack/one", headers={"Range": "bytes=-5"}).content == BODY[-5:]
    assert client.get("/pack/one", headers={"Range": f"bytes={len(BODY)}-"}).status_code == 416
    assert client.get("/pack/one", headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    assert client.head("/pack/one").headers["Content-Length"] == str(len(BODY))
    assert client.get("/pack/two").status_code == 404
    assert server.asked[:2] == [
        Asked("GET", "pack/one", None, 200, len(BODY)),
        Asked("GET", "pack/one", (1000, 2000), 206, 1000),
    ]
    assert server.count("pack/*") == 7
    assert server.sent("pack/one") == len(BODY) + 1000 + 5 + 6


def test_one_connection_carries_many_requests(server: FaultServer) -> None:
    connection = http.client.HTTPConnection(*server.server_address[:2])  # type: ignore[arg-type]
    connection.request("GET", "/pack/one")
    connection.getresponse().read()
    before = connection.sock
    connection.request("GET", "/pack/one", headers=RANGE)
    assert connection.getresponse().read() == BODY[1000:2000]
    assert connection.sock is before
    connection.close()


def test_a_fault_lasts_from_the_first_to_the_last_request_of_its_rule(
    server: FaultServer, client: httpx.Client
) -> None:
    server.add("pack/*", Status(503, retry_after=1), first=2, last=3)
    answers = [client.get("/pack/one", headers=RANGE) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [206, 503, 503, 206]
    assert answers[1].headers["Retry-After"] == "1"
    server.clear()
    assert server.count() == 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Cut(after=500), httpx.ReadError),
        (Stall(after=500), httpx.ReadTimeout),
        (Stall(after=-1), httpx.ReadTimeout),
        (WrongLength(by=10), httpx.RemoteProtocolError),
        (Redirect(), httpx.TooManyRedirects),
        (SlowStart(5), httpx.ReadTimeout),
    ],
)
def test_a_broken_answer_is_an_error_of_the_client(
    server: FaultServer, client: httpx.Client, fault: Fault, error: type[Exception]
) -> None:
    server.add("*", fault)
    with pytest.raises(error):
        client.get("/pack/one", headers=RANGE, follow_redirects=True)


def test_bytes_before_a_stall_arrive(server: FaultServer, client: httpx.Client) -> None:
    server.add("*", Stall(after=500))
    with client.stream("GET", "/pack/one", headers=RANGE) as answer:
        assert next(answer.iter_raw(500)) == BODY[1000:1500]
        # They may be here before the server's thread has counted them.
        deadline = time.monotonic() + 20
        while server.asked[0].sent < 500 and time.monotonic() < deadline:
            time.sleep(0.005)
    assert server.asked[0].sent == 500


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (WholeFile(), 200, BODY),
        (OtherRange(shift=7), 206, BODY[1007:2007]),
        (OtherRange(shift=7, honest=False), 206, BODY[1007:2007]),
        (WrongLength(by=-10), 206, BODY[1000:1990]),
        (Flip(1000), 206, bytes([BODY[1000] ^ 1]) + BODY[1001:2000]),
        (Flip(-1), 206, BODY[1000:2000]),
        (Status(500), 500, b"Sorry\n"),
    ],
)
def test_a_lie_arrives_as_it_was_ordered(
    server: FaultServer, client: httpx.Client, fault: Fault, status: int, body: bytes
) -> None:
    server.add("*", fault)
    answer = client.get("/pack/one", headers=RANGE)
    assert (answer.status_code, answer.content) == (status, body)
    if isinstance(fault, OtherRange):
        start = 1007 if fault.honest else 1000
        assert answer.headers["Content-Range"] == f"bytes {start}-{start + 999}/{len(BODY)}"


def test_an_endless_answer_has_no_length_and_no_end(server: FaultServer, client: httpx.Client) -> None:
    server.add("*", Endless())
    got = 0
    with client.stream("GET", "/pack/one") as answer:
        assert "Content-Length" not in answer.headers
        for block in answer.iter_raw():
            got += len(block)
            if got > 3 * len(BODY):
                break
    assert got > 3 * len(BODY)


def test_it_ends_at_once_with_stalled_clients(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(BODY)
    start = time.monotonic()
    with FaultServer(tmp_path) as server, httpx.Client(base_url=server.url, timeout=0.1) as client:
        server.add("*", Stall(), first=2)
        client.get("/one")
        with pytest.raises(httpx.ReadTimeout):
            client.get("/one")
    assert time.monotonic() - start < 2
