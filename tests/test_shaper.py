"""The bad line of the end-to-end tests is bad in the ways that it says."""

import asyncio
import hashlib
import time
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from shaper import SOCKET_BUFFER, Bucket, ShapedLine, Shaper

MEGABYTE = 1_000_000


@given(
    sizes=st.lists(st.integers(min_value=1, max_value=20_000), min_size=1, max_size=100),
    pauses=st.lists(st.floats(min_value=0, max_value=0.1), min_size=100, max_size=100),
    kbps=st.floats(min_value=100, max_value=100_000),
)
def test_no_bytes_pass_faster_than_the_rate(sizes: list[int], pauses: list[float], kbps: float) -> None:
    bucket, line, now_s, busy_since_s, busy_bytes = Bucket(), ShapedLine(kbps=kbps), 0.0, 0.0, 0
    for size, pause_s in zip(sizes, pauses, strict=False):
        now_s += pause_s
        if now_s >= bucket.free_s:
            busy_since_s, busy_bytes = now_s, 0
        busy_bytes += size
        passed_s = bucket.pass_s(size, line, now_s)
        assert abs((passed_s - busy_since_s) - busy_bytes * 8 / (kbps * 1000)) < 1e-6


def test_the_sender_waits_while_the_buffer_is_full_and_not_before() -> None:
    bucket, line = Bucket(), ShapedLine(kbps=800, buffer_bytes=10_000)
    bucket.pass_s(10_000, line, 5.0)
    assert bucket.full_for_s(line, 5.0) == 0
    bucket.pass_s(10_000, line, 5.0)
    assert abs(bucket.full_for_s(line, 5.0) - 0.1) < 1e-9


async def download(line: ShapedLine, *, offered: int, wanted: int) -> tuple[Shaper, int, bytes, float]:
    """A server offers some bytes and a client wants some: the line, what the server got rid of, what came, how soon."""
    content = Random(1).randbytes(offered)
    handed_over = 0

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal handed_over
        writer.transport.set_write_buffer_limits(high=0)
        try:
            while handed_over < offered:
                writer.write(content[handed_over : handed_over + 10_000])
                await writer.drain()
                handed_over += 10_000
        except ConnectionError:
            return  # The client has what it wanted and left.
        finally:
            writer.transport.abort() if handed_over < offered else writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, Shaper(server.sockets[0].getsockname()[1], line=line) as shaper:
        reader, writer = await asyncio.open_connection("127.0.0.1", shaper.port)
        began = time.monotonic()
        received = await reader.readexactly(wanted)
        took_s = time.monotonic() - began
        got_rid_of = handed_over
        writer.close()
        await writer.wait_closed()
    return shaper, got_rid_of, received, took_s


async def all_of_it_arrives_unchanged() -> None:
    line = ShapedLine(kbps=200_000, delay_ms=2)
    _, _, received, _ = await download(line, offered=2 * MEGABYTE, wanted=2 * MEGABYTE)
    assert hashlib.sha256(received).digest() == hashlib.sha256(Random(1).randbytes(2 * MEGABYTE)).digest()


def test_a_fast_line_passes_everything_unchanged() -> None:
    asyncio.run(all_of_it_arrives_unchanged())


async def slow_line_limits() -> None:
    line = ShapedLine(kbps=800, delay_ms=30, buffer_bytes=8_000)
    wanted = 50_000
    shaper, got_rid_of, _, took_s = await download(line, offered=20 * MEGABYTE, wanted=wanted)
    # Never faster than the rate, however slow the machine is that runs this. (What came before the clock was started
    # is not much.)
    assert took_s >= (wanted - 10_000) * 8 / (line.kbps * 1000)
    assert shaper.passed >= wanted
    # What has left the line is at most what its rate allows, what it took is little more: the rest stayed behind.
    assert shaper.taken - shaper.passed < 8_000 + 4 * SOCKET_BUFFER
    assert got_rid_of < 8 * MEGABYTE, "the server did not feel the line"


def test_a_slow_line_limits_and_the_sender_feels_it() -> None:
    asyncio.run(slow_line_limits())


async def line_falls() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, Shaper(server.sockets[0].getsockname()[1]) as shaper:
        reader, writer = await asyncio.open_connection("127.0.0.1", shaper.port)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


def test_a_server_that_hangs_up_is_a_hang_up_for_the_browser() -> None:
    asyncio.run(asyncio.wait_for(line_falls(), 20))


async def no_server() -> None:
    async with Shaper(target_port=1) as shaper:
        reader, writer = await asyncio.open_connection("127.0.0.1", shaper.port)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


def test_without_a_server_behind_it_the_browser_is_hung_up_on() -> None:
    asyncio.run(asyncio.wait_for(no_server(), 20))
