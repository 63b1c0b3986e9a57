"""Real sessions for tests: the real command, the real browser, and ways to wait for what must happen."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

PROBE = Path(__file__).parent / "probe_game.py"
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
PLAYABLE = "document.body.classList.contains('playing') && performance.getEntriesByName('tenku:furnished').length > 0"
PATIENCE_S = 40.0
"""How long to wait for something that takes a second on a quiet machine."""

T = TypeVar("T")


def until(look: Callable[[], T | None], *, what: str, patience_s: float = PATIENCE_S) -> T:
    """Look again and again until there is something; fails the test with `what` after a while."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.03)
    raise AssertionError(f"Waited {patience_s} s in vain: {what}.")


class Live:
    """`tenku play` as a process of its own."""

    def __init__(self, *arguments: str, data: Path, environment: dict[str, str] | None = None) -> None:
        self._arguments = arguments
        self.data = data
        env = {**os.environ, "TENKU_PLAY_DATA": str(data), "TENKU_CONFIG": str(data / "none.toml")}
        self._env = {**env, **(environment or {})}
        self.said: list[str] = []
        self._urls: dict[str, str] | None = None

    def __enter__(self) -> "Live":
        command = [sys.executable, "-m", "tenku.cli.main", "play", "--json", *self._arguments]
        self.process = subprocess.Popen(
            command, env=self._env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self._readers = [
            threading.Thread(target=self._read_links, daemon=True),
            threading.Thread(target=self._read_words, daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        finally:
            self.process.kill()
            for reader, pipe in zip(self._readers, (self.process.stdout, self.process.stderr), strict=True):
                reader.join(5)
                assert pipe is not None
                pipe.close()

    def url(self, who: str = "player") -> str:
        """The player's or the viewer's link, once the game is ready."""
        return until(self._known_urls, what=f"no links; it said {self.said}")[f"{who}_url"]

    def ended(self) -> int:
        """The exit code, once it has ended by itself."""
        return self.process.wait(PATIENCE_S)

    def _known_urls(self) -> dict[str, str] | None:
        if self._urls is None and self.process.poll() is not None:
            raise AssertionError(f"It ended with {self.process.returncode}: {self.said}")
        return self._urls

    def _read_links(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._urls = json.loads(line)

    def _read_words(self) -> None:
        assert self.process.stderr is not None
        self.said.extend(line.rstrip() for line in self.process.stderr)


class Log:
    """What the probe game wrote."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def all(self, what: str) -> list[dict[str, Any]]:
        """Every event of one kind so far."""
        if not self._file.exists():
            return []
        lines = self._file.read_text().splitlines()
        return [event for event in map(json.loads, lines) if event["what"] == what]

    def wait(self, what: str, **about: object) -> dict[str, Any]:
        """The first event of this kind with these values."""

        def look() -> dict[str, Any] | None:
            return next((e for e in self.all(what) if about.items() <= e.items()), None)

        return until(look, what=f"the game never told {what} {about}")


@contextlib.contextmanager
def probe(data: Path, *options: str, environment: dict[str, str] | None = None) -> Iterator[tuple[Live, Log]]:
    """A session that plays the probe game, and what the game tells."""
    log = data / "events.jsonl"
    command = (sys.executable, str(PROBE), str(log))
    options = ("--no-sandbox", "--size", "640x360", *options)
    with Live(*options, "--", *command, data=data, environment=environment) as live:
        yield live, Log(log)


@contextlib.contextmanager
def chromium(**options: Any) -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, **options)
        try:
            yield browser
        finally:
            browser.close()


def open_page(browser: Browser, url: str, **options: Any) -> Page:
    """A page of its own, opened on a link; it shows the game already."""
    page = browser.new_context(**{"viewport": {"width": 1280, "height": 720}, **options}).new_page()
    page.goto(url)
    shown(page)
    return page


def shown(page: Page) -> None:
    """Wait until the page shows the game and heeds the player."""
    # Not wait_for_function: it evaluates text inside the page, which the page's security policy forbids.
    until(lambda: bool(page.evaluate(PLAYABLE)), what="the page shows no game")


def picture(page: Page) -> Image.Image:
    """What the page looks like."""
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def colour_at(page: Page, x: float, y: float) -> tuple[int, int, int]:
    """The colour of the page at a place, as parts of its width and height."""
    image = picture(page)
    red, green, blue = image.getpixel((int(x * image.width), int(y * image.height)))  # type: ignore[misc]
    return red, green, blue


def close_to(colour: tuple[int, int, int], wanted: tuple[int, int, int], *, by: int = 40) -> bool:
    """Whether two colours look alike; video is not exact."""
    return all(abs(one - other) <= by for one, other in zip(colour, wanted, strict=True))


def tree(pid: int) -> set[int]:
    """The living processes below a process."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents[int(entry.name)] = int(fields[1])
    found, grew = {pid}, True
    while grew:
        below = {child for child, parent in parents.items() if parent in found}
        grew = not below <= found
        found |= below
    return found - {pid}


def command(pid: int) -> bytes:
    """The command line of a process, empty for one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def gone(pids: set[int]) -> bool:
    """Whether none of these processes lives."""
    return not any(command(pid) for pid in pids)
