"""Chromium that is watched: what its page showed, and when, on the machine's own clock."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.stream import BenchmarkError
from benchmarks.watch import Watched, decode

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)
SCRIPT = Path(__file__).with_name("watch.js")
READY_S = 30.0


class Watcher:
    """One page with the measuring script in it."""

    def __init__(self, page: Page) -> None:
        self._page = page
        page.add_init_script(path=SCRIPT)

    def open(self, url: str) -> None:
        """Load the page and wait until it shows the game."""
        self._page.goto(url, wait_until="commit")
        deadline = time.monotonic() + READY_S
        # Asked from here: a page's Content-Security-Policy may forbid what Playwright's own waiting does in the page.
        while self._page.evaluate("bench.first") is None:
            if time.monotonic() > deadline:
                says = self._page.evaluate("document.body.innerText")
                raise BenchmarkError(f"The page at {url} showed no picture of the game. It says: {says[:500]}")
            self.wait(0.1)

    def first_picture_ms(self) -> float:
        """From the start of the navigation to the first animation frame that had the game's picture."""
        return float(self._page.evaluate("bench.first"))

    def press(self, *, times: int, dice: random.Random) -> None:
        """Press space, with pauses of random length so that every phase of the frame clocks is met."""
        for _ in range(times):
            self.tap()
            self._page.wait_for_timeout(dice.uniform(180, 350))

    def tap(self) -> None:
        """Press space once."""
        self._page.keyboard.press("Space")

    def wait(self, seconds: float) -> None:
        self._page.wait_for_timeout(seconds * 1000)

    def reset(self) -> None:
        """Forget what was seen so far."""
        self._page.evaluate("bench.reset()")

    def watched(self) -> Watched:
        """What was seen since the last `reset`."""
        seen: dict[str, Any] = self._page.evaluate("bench")
        return decode(seen, start_ns=self._time_origin_ns())

    def _time_origin_ns(self, rounds: int = 40) -> int:
        """CLOCK_MONOTONIC at the page's performance.now() == 0.

        Each question bounds it from both sides: the page answered after it was asked and before the answer came.
        The tightest bounds of many are a fraction of a millisecond apart, and the middle is taken.
        """
        low, high = -float("inf"), float("inf")
        for _ in range(rounds):
            asked = time.monotonic_ns()
            now_ns = self._page.evaluate("performance.now()") * 1e6
            answered = time.monotonic_ns()
            low, high = max(low, asked - now_ns), min(high, answered - now_ns)
        return round((low + high) / 2)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A fresh headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watcher(browser: Browser) -> Iterator[Watcher]:
    """A page of the game's size in a profile of its own, so that nothing is cached."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    try:
        yield Watcher(context.new_page())
    finally:
        context.close()
