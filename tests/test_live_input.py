"""A real game in a real browser: what the player does reaches the game, and what it shows reaches the player."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from live import Live, Log, chromium, close_to, colour_at, open_page, probe, shown, until
from probe_game import DARK, LIGHT

FAKE_PAD = """
    const buttons = Array.from({ length: 17 }, () => ({ pressed: false, value: 0 }));
    const pad = { index: 0, id: 'Test pad', connected: true, mapping: 'standard', axes: [0, 0, 0, 0], buttons,
        vibrationActuator: { playEffect: (_, effect) => globalThis.shaken.push(effect), reset: () => {} } };
    globalThis.shaken = [];
    navigator.getGamepads = () => [pad, null, null, null];
    globalThis.press = (button, down) => { buttons[button] = { pressed: down, value: Number(down) }; };
    globalThis.plug = () => dispatchEvent(Object.assign(new Event('gamepadconnected'), { gamepad: pad }));
"""


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


def test_the_browser_draws_the_games_cursor(page: Page, log: Log) -> None:
    cursor = "getComputedStyle(document.getElementById('picture')).cursor"
    page.mouse.move(600, 300)
    page.keyboard.press("KeyC")
    log.wait("down", key="c")
    until(lambda: "url(" in str(page.evaluate(cursor)), what="a cursor of the game's own")
    page.keyboard.press("KeyH")
    until(lambda: page.evaluate(cursor) == "none", what="a hidden cursor")


def test_text_goes_from_clipboard_to_clipboard(page: Page, log: Log) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.keyboard.press("KeyX")
    copied = "navigator.clipboard.readText()"
    until(lambda: page.evaluate(copied) == "copied by the game: 天空", what="what the game copied")
    page.evaluate("navigator.clipboard.writeText('copied by the player: ü')")
    page.keyboard.press("Control+KeyV")
    log.wait("pasted", text="copied by the player: ü")


def test_a_locked_mouse_moves_by_steps(page: Page, log: Log) -> None:
    page.mouse.move(640, 360)
    page.mouse.click(640, 360)
    page.locator("[data-tool=lock]").click()
    until(lambda: page.evaluate("document.pointerLockElement !== null"), what="the locked pointer")
    before = len(log.all("motion"))
    page.mouse.move(700, 360)
    moved = until(lambda: log.all("motion")[before:], what="a motion of the locked mouse")
    assert moved[0]["rel"][0] > 0


def test_a_gamepad_of_the_browser_is_a_gamepad_of_the_game(tmp_path: Path, browser: Browser) -> None:
    """A pad that the browser reports reaches an SDL game that reads joysticks, and its rumble comes back."""
    game = Path(__file__).parent.parent / "examples" / "pads" / "pads.py"
    with Live("--no-sandbox", "--", sys.executable, str(game), data=tmp_path) as live:
        page = browser.new_context().new_page()
        page.add_init_script(FAKE_PAD)
        page.goto(live.url())
        shown(page)
        page.evaluate("globalThis.plug()")
        until(lambda: any('"plugged"' in line for line in live.said), what="the game sees a gamepad")
        page.evaluate("globalThis.press(3, true)")
        until(lambda: any('"buttons": [3]' in line for line in live.said), what="the game sees Y")
        page.evaluate("globalThis.press(3, false); globalThis.press(0, true)")
        until(lambda: page.evaluate("globalThis.shaken.length > 0"), what="the rumble comes back")
        strong, weak = page.evaluate("[globalThis.shaken[0].strongMagnitude, globalThis.shaken[0].weakMagnitude]")
        assert page.evaluate("globalThis.shaken[0].duration") <= 5000  # Browsers refuse longer ones.
        assert (strong, weak) == pytest.approx((0.25, 0.75), abs=0.01)
