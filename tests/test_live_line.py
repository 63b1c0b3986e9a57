"""A bad line between a real browser and a real server: the stream follows what it carries, and comes back."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from live import chromium, open_page, probe, until
from shaper import ShapedLine, Shaper

WIDE = ShapedLine(kbps=50_000)
NARROW = ShapedLine(kbps=600)
WATCH = """async () => {
    const { State } = await import('/static/protocol.js');
    globalThis.tenku.connection.on(State, ({ about }) => {
        if (about.quality) globalThis.asked = about.quality;
    });
}"""


class Loop:
    """An event loop in a thread of its own: Playwright has this thread's."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, work: Coroutine[None, None, Any]) -> None:
        """Do a coroutine's work."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def close(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextmanager
def shaped(port: int) -> Iterator[Shaper]:
    """A wide line to a port, which the test makes narrow."""
    loop = Loop()
    shaper = Shaper(port, line=WIDE)
    try:
        loop.run(shaper.__aenter__())
        yield shaper
        loop.run(shaper.__aexit__(None, None, None))
    finally:
        loop.close()


def asked(page: Page, what: str) -> int:
    """What the server asks its encoder for, as it told the page last."""
    return int(page.evaluate(f"globalThis.asked?.{what} ?? 0"))


def test_the_stream_follows_the_line_down_and_up(tmp_path: Path) -> None:
    with probe(tmp_path, "--size", "1280x720", "--bitrate", "8M") as (live, log), chromium() as browser:
        origin, _, token = live.url().partition("/p/")
        with shaped(int(origin.rpartition(":")[2])) as shaper:
            page = open_page(browser, f"http://127.0.0.1:{shaper.port}/p/{token}")
            page.evaluate(WATCH)
            page.keyboard.press("KeyN")  # Noise: the encoder needs every bit that it may have.
            log.wait("down", key="n")
            shaper.line = NARROW
            until(lambda: 0 < asked(page, "bitrate_kbps") < 1200, what="a bitrate that the narrow line carries")
            shaper.line = WIDE
            until(lambda: asked(page, "bitrate_kbps") > 4000, what="a bitrate that the wide line allows")
            page.keyboard.press("KeyP")
            log.wait("down", key="p")
