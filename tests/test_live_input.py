"""A real game in a real browser: what the player does reaches the game, and what it shows reaches the player."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from live import Live, Log, chromium, close_to, colour_at, open_page, probe, until
from probe_game import DARK, LIGHT


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, Log]]:
    with probe(tmp_path_factory.mktemp("probe")) as started:
        started[0].url()
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def page(session: tuple[Live, Log], browser: Browser) -> Iterator[Page]:
    opened = open_page(browser, session[0].url())
    yield opened
    opened.context.close()


@pytest.fixture
def log(session: tuple[Live, Log]) -> Log:
    return session[1]


def test_the_page_shows_the_game(page: Page) -> None:
    until(lambda: close_to(colour_at(page, 0.5, 0.3), DARK), what="the game's colour")


def test_a_key_changes_the_picture(page: Page, log: Log) -> None:
    page.keyboard.press("Space")
    log.wait("down", key="space")
    until(lambda: close_to(colour_at(page, 0.5, 0.3), LIGHT), what="the other colour")
    page.keyboard.press("Space")
    until(lambda: close_to(colour_at(page, 0.5, 0.3), DARK), what="the first colour again")


def test_keys_are_physical(page: Page, log: Log) -> None:
    """A key is known by its place: what is printed on it is the game's business."""
    page.keyboard.down("KeyW")
    log.wait("down", key="w", scancode=26)
    page.keyboard.up("KeyW")
    log.wait("up", key="w")


def test_the_mouse_is_where_the_player_points(page: Page, log: Log) -> None:
    page.mouse.move(640, 360)
    page.mouse.click(320, 180, button="right")
    press = log.wait("press", button=3)
    assert press["pos"] == pytest.approx([160, 90], abs=2)


def test_the_wheel_turns(page: Page, log: Log) -> None:
    page.mouse.move(640, 360)
    page.mouse.wheel(0, 120)
    log.wait("wheel", y=-1)
    page.mouse.wheel(0, -120)
    log.wait("wheel", y=1)


def test_keys_that_a_vanished_player_held_are_released(session: tuple[Live, Log], browser: Browser, log: Log) -> None:
    page = open_page(browser, session[0].url())
    page.keyboard.down("KeyJ")
    log.wait("down", key="j")
    assert not log.all("up") or all(event["key"] != "j" for event in log.all("up"))
    page.context.close()
    log.wait("up", key="j")


def test_text_that_no_key_makes_arrives(page: Page, log: Log) -> None:
    page.keyboard.insert_text("天空 é")
    typed = until(lambda: "".join(e["text"] for e in log.all("text")).endswith("天空 é"), what="the typed text")
    assert typed
