"""Real Chromium for the tests of the player page."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from page_server import PageServer

Open = Callable[..., tuple[Page, PageServer]]
"""What the fixture `play` gives: opens the page on a session, and hands out both."""
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
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PATIENCE_MS = 20_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, closed at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def until(page: Page, condition: str, *, patience_ms: int = PATIENCE_MS) -> None:
    """Wait until a JavaScript expression is true. (Playwright's own way evaluates a string, which the page forbids.)"""
    page.evaluate(
        f"""new Promise((done, fail) => {{
            const end = performance.now() + {patience_ms};
            const look = () => {{
                if ({condition}) done();
                else if (performance.now() > end) fail(new Error({condition!r} + " did not come true"));
                else setTimeout(look, 20);
            }};
            look();
        }})"""
    )
