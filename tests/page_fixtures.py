"""Opens the player page in real Chromium; errors in the page fail the test."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from browser import Open, chromium, until
from page_server import PageServer, Script


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def play(browser: Browser) -> Iterator[Open]:
    """Open the page on a session; `init` runs before the page's own scripts. Errors in the page fail the test."""
    errors: list[str] = []
    with ExitStack() as stack:

        def opened(
            script: Script | None = None, *, init: str = "", wait: bool = True, query: str = "", **options: Any
        ) -> tuple[Page, PageServer]:
            server = stack.enter_context(PageServer(script))
            context = stack.enter_context(browser.new_context(**{"viewport": {"width": 960, "height": 540}, **options}))
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            page = context.new_page()
            page.on("pageerror", lambda error: errors.append(f"{error}\n{error.stack}"))
            page.on("console", lambda said: errors.append(said.text) if "Content Security" in said.text else None)
            if init:
                page.add_init_script(init)
            page.goto(server.url + query)
            if wait:
                until(page, "document.body.classList.contains('playing') && tenku.sound && tenku.session.seat")
            return page, server

        yield opened
    assert not errors
