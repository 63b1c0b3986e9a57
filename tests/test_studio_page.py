"""The studio page in a real Chromium, on a real server with real engines: door, queue, contact sheet, phone."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from browser import PHONE, chromium
from browser import until as until_soon
from studio_models import smollm2
from studio_serve import MODEL, Home, Server
from studio_tiny import Tiny, tiny_image

__all__ = ["smollm2", "tiny_image"]

DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PATIENCE_MS = 60_000
"""A model is loaded, and pictures are made, on a machine that may be busy."""
ALL_LOADED = "document.querySelectorAll('.place .media img').length === {0}"


def until(page: Page, condition: str) -> None:
    """Wait until a JavaScript expression is true."""
    until_soon(page, condition, patience_ms=PATIENCE_MS)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, smollm2: Path, tiny_image: Tiny) -> Iterator[Server]:
    home = Home(tmp_path_factory.mktemp("home"))
    home.install(smollm2)
    home.tenku("models", "add", "tiny", "--from", str(tiny_image("qwenimage")))
    with home.serve() as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """The page, with the token in its address; errors in it fail the test."""
    with watched(browser, **DESK) as page:
        page.goto(f"{server.url}/studio#token={server.token}")
        until(page, "!document.getElementById('house').hidden")
        yield page


class watched:  # noqa: N801 - reads like a verb
    """A new page in a context of its own; errors in it fail the test at the end."""

    def __init__(self, browser: Browser, **options: Any) -> None:
        self._context = browser.new_context(**options)
        self._errors: list[str] = []

    def __enter__(self) -> Page:
        page = self._context.new_page()
        page.on("pageerror", lambda error: self._errors.append(f"{error}\n{error.stack}"))
        page.on("console", lambda said: self._errors.append(said.text) if "Content Security" in said.text else None)
        return page

    def __exit__(self, kind: object, *_: object) -> None:
        self._context.close()
        assert kind is not None or self._errors == []


def make(page: Page, prompt: str, *, name: str, count: int) -> None:
    """Ask for pictures with the form."""
    page.get_by_role("radio", name="Image").click()
    page.get_by_label("Prompt").fill(prompt)
    page.get_by_label("Width").fill("64")
    page.get_by_label("Height").fill("64")
    page.get_by_label("Steps").fill("2")
    page.get_by_label("How many").fill(str(count))
    page.get_by_label("Set", exact=True).fill(name)
    page.get_by_role("button", name="Make", exact=True).click()


def test_the_door_opens_with_a_good_token_alone(browser: Browser, server: Server) -> None:
    with watched(browser, **DESK) as page:
        page.goto(f"{server.url}/")
        until(page, "!document.getElementById('door').hidden")
        page.get_by_label("Token").fill("tenku_wrong")
        page.get_by_role("button", name="Open the studio").click()
        until(page, "document.getElementById('door-text').textContent.includes('not known here')")
        page.get_by_label("Token").fill(server.token)
        page.get_by_role("button", name="Open the studio").click()
        until(page, "!document.getElementById('house').hidden")


def test_the_token_leaves_the_address(page: Page, server: Server) -> None:
    assert server.token not in page.url
    page.reload()
    until(page, "!document.getElementById('house').hidden")


def test_what_is_made_anywhere_shows_as_it_is_made(page: Page, server: Server) -> None:
    """A job of the API is seen at work, with its text so far, and among what was made."""
    [id] = server.submit({"prompt": "Tell a long tale of a potion.", "parameters": {"max_tokens": 300}})
    until(page, f"document.querySelector('#at-work [data-job=\"{id}\"] .preview pre')?.textContent.length > 0")
    until(page, f"document.querySelector('#at-work [data-job=\"{id}\"] progress').value > 0")
    server.wait(id, "done")
    until(page, f"document.querySelector('#made [data-job=\"{id}\"] pre')?.textContent.length > 100")


def test_a_job_is_cancelled_from_its_card(page: Page, server: Server) -> None:
    many = {"schema": {"type": "array", "items": {"enum": [1, 2, 3]}, "minItems": 900, "maxItems": 900}}
    [id] = server.submit({"prompt": "Numbers.", "parameters": {**many, "max_tokens": 3000}})
    page.locator(f'[data-job="{id}"]').get_by_role("button", name="Cancel").click()
    server.wait(id, "cancelled")
    until(page, f"document.querySelector('#made [data-job=\"{id}\"]')?.classList.contains('cancelled')")


def test_the_form_says_what_it_will_take_and_what_is_wrong(page: Page) -> None:
    page.get_by_role("radio", name="Image").click()
    until(page, "document.getElementById('expected').textContent.startsWith('About ')")
    page.get_by_label("Width").fill("77")
    until(page, "document.getElementById('expected').textContent.includes('a multiple of 16')")
    page.get_by_role("button", name="Make", exact=True).click()
    assert page.get_by_label("Prompt").evaluate("field => field.matches(':invalid')")


def test_a_set_is_looked_through(page: Page, server: Server) -> None:
    """Asked for in the form, seen on its sheet, approved, rejected and varied with keys and buttons."""
    make(page, "potion icon", name="potions", count=3)
    until(page, ALL_LOADED.format(3))
    assert page.url.endswith("#/sets/potions")
    assert page.locator(".place .media img").first.evaluate("picture => picture.naturalWidth") == 64
    second, third = (page.locator(f'[data-row="{row}"]') for row in (1, 2))
    page.keyboard.press("a")  # the first has the focus as soon as the sheet is there
    until(page, "document.querySelector('[data-row=\"0\"]').classList.contains('approved')")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("r")
    until(page, "document.querySelector('[data-row=\"1\"]').classList.contains('rejected')")
    third.get_by_role("button", name="Vary").click()
    until(page, "document.querySelectorAll('[data-row=\"2\"] .strip button').length === 5")
    third.get_by_role("button", name="Take 4").click()
    until(page, "document.querySelector('[data-row=\"2\"]').classList.contains('approved')")
    page.get_by_role("button", name="Make the rejected anew").click()
    until(page, "document.querySelectorAll('[data-row=\"1\"] .strip button').length === 2")
    assert second.get_attribute("class") == "place open"
    kept = server.http.get("/api/sets/potions").json()["places"]
    assert [(place["verdict"], place["chosen"]) for place in kept] == [("approved", 1), ("open", 0), ("approved", 4)]
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download").click()
    names = zipfile.ZipFile(saved.value.path()).namelist()
    assert [name for name in names if name.endswith(".png")] == [
        f"potions/{name}.png" for name in ("0001", "0003", "contact")
    ]


def test_an_asset_is_seen_large_with_where_it_came_from(page: Page, server: Server) -> None:
    make(page, "one shield", name="", count=1)
    until(page, "document.querySelector('#made [aria-label=\"one shield\"] img')")
    page.locator('#made [aria-label="one shield"]').click()
    until(page, "document.querySelector('#viewer[open] .stage img')")
    page.get_by_text("Where it came from").click()
    until(page, "document.querySelector('#viewer details pre').textContent.includes('\"made_by\": \"tenku\"')")
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save image.png").click()
    assert saving.value.suggested_filename == "image.png"
    page.get_by_role("button", name="Close").click()
    assert MODEL in server.http.get("/v1/models").text


def test_a_phone_approves_with_a_thumb(browser: Browser, server: Server) -> None:
    with watched(browser, **PHONE) as page:
        page.goto(f"{server.url}/studio#token={server.token}")
        until(page, "!document.getElementById('house').hidden")
        make(page, "herb icon", name="herbs", count=2)
        until(page, ALL_LOADED.format(2))
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["viewport"]["width"]
        button = page.locator('[data-row="1"]').get_by_role("button", name="Approve")
        box = button.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 36
        button.tap()
        until(page, "document.querySelector('[data-row=\"1\"]').classList.contains('approved')")
