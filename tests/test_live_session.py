"""People come and go, games crash, servers are killed: what the others notice, and what stays behind."""

import os
import signal
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from live import PROBE, Live, chromium, close_to, colour_at, command, gone, open_page, probe, shown, tree, until
from probe_game import DARK, LIGHT


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def invitation(page: Page, who: str) -> str:
    """The link that the first player's page hands out, taken as a person would: panel, button, clipboard."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_panel(page)
    page.locator(".invites li", has_text=who).get_by_role("button", name="Copy link").click()
    return str(until(lambda: page.evaluate("navigator.clipboard.readText()"), what="the copied link"))


def open_panel(page: Page) -> None:
    """Open the list of people."""
    if page.locator("#panel").is_hidden():
        page.mouse.move(400, 400)  # The tools hide until the mouse moves.
        page.locator("[data-tool=people]").click()


def do(page: Page, label: str) -> None:
    """Press a button of the list of people."""
    open_panel(page)
    page.locator(".people").get_by_role("button", name=label).click()


def status(url: str, **headers: str) -> int:
    """What the server answers to a plain request."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def shows(page: Page, colour: tuple[int, int, int]) -> bool:
    """Whether the page shows the game in this colour."""
    return close_to(colour_at(page, 0.5, 0.3), colour)


def test_two_players_play_and_a_viewer_only_watches(tmp_path: Path, browser: Browser) -> None:
    with probe(tmp_path) as (live, log):
        one = open_page(browser, live.url())
        two = open_page(browser, invitation(one, "Player 2"))
        viewer = open_page(browser, live.url("viewer"))
        one.keyboard.press("KeyA")
        log.wait("down", key="a")
        two.keyboard.press("KeyB")
        log.wait("down", key="b")
        viewer.keyboard.press("KeyN")
        two.keyboard.press("Space")
        log.wait("down", key="space")
        assert not any(event["key"] == "n" for event in log.all("down"))
        for page in (one, two, viewer):
            until(partial(shows, page, LIGHT), what="the same picture for all")


def test_a_viewer_that_lies_is_still_a_viewer(tmp_path: Path, browser: Browser) -> None:
    """The server ignores a viewer's input even where the page's own guard is switched off."""
    with probe(tmp_path) as (live, log):
        viewer = open_page(browser, live.url("viewer"))
        player = open_page(browser, live.url())
        viewer.evaluate(
            """async () => {
                const { Hello, Key } = await import('/static/protocol.js');
                const socket = new WebSocket(location.href.replace('http', 'ws') + '/ws');
                await new Promise((opened) => (socket.onopen = opened));
                socket.send(Hello.encode({ about: {} }));
                socket.send(Key.encode({ seq: 1, time_us: 0, code: 49, down: 1 }));
            }"""
        )
        player.keyboard.press("KeyM")
        log.wait("down", key="m")
        assert not any(event["key"] == "n" for event in log.all("down"))


def test_leaving_and_coming_back_finds_the_game_as_it_was(tmp_path: Path, browser: Browser) -> None:
    with probe(tmp_path) as (live, log):
        page = open_page(browser, live.url())
        page.keyboard.press("Space")
        log.wait("down", key="space")
        page.context.close()
        again = open_page(browser, live.url(), viewport={"width": 390, "height": 844}, has_touch=True)
        until(lambda: close_to(colour_at(again, 0.5, 0.5), LIGHT), what="the game as it was")
        assert len(log.all("ready")) == 1


def test_the_same_link_on_another_device_takes_over(tmp_path: Path, browser: Browser) -> None:
    with probe(tmp_path) as (live, log):
        first = open_page(browser, live.url())
        second = open_page(browser, live.url())
        until(lambda: "another device" in first.inner_text("body"), what="the first page says so")
        second.keyboard.press("KeyK")
        log.wait("down", key="k")


def test_the_first_player_leads(tmp_path: Path, browser: Browser) -> None:
    with probe(tmp_path) as (live, log):
        one = open_page(browser, live.url())
        link = invitation(one, "Player 2")
        two = open_page(browser, link)
        do(one, "Mute Player 2")
        until(lambda: "muted" in two.inner_text("body"), what="player 2 is told")
        two.keyboard.press("KeyB")
        one.keyboard.press("KeyA")
        log.wait("down", key="a")
        assert not any(event["key"] == "b" for event in log.all("down"))
        do(one, "Remove Player 2")
        until(lambda: "removed" in two.inner_text("body"), what="player 2 is told again")
        assert status(link) == 401


def test_a_game_that_crashes_says_why_on_the_page_and_ends_the_command(tmp_path: Path, browser: Browser) -> None:
    with probe(tmp_path) as (live, _):
        page = open_page(browser, live.url())
        page.keyboard.press("KeyQ")
        assert live.ended() == 7
        until(lambda: "7" in page.inner_text("body"), what="the exit code on the page")
        assert "The probe ends with 7." in page.inner_text("body")


def test_a_game_that_is_killed_is_told_by_the_signal(tmp_path: Path, browser: Browser) -> None:
    with probe(tmp_path) as (live, _):
        page = open_page(browser, live.url())
        game = next(pid for pid in tree(live.process.pid) if b"probe_game.py" in command(pid))
        os.kill(game, signal.SIGKILL)
        assert live.ended() == 128 + signal.SIGKILL
        until(lambda: "SIGKILL" in page.inner_text("body"), what="the signal on the page")


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A runtime folder with a short path: sockets have to fit in."""
    with tempfile.TemporaryDirectory(prefix="tenku-") as folder:
        yield Path(folder)


def test_a_killed_server_leaves_no_process_and_the_next_one_no_folder(tmp_path: Path, runtime: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": str(runtime)}
    options = ("--no-sandbox", "--", sys.executable, str(PROBE))
    with Live(*options, str(tmp_path / "a"), data=tmp_path, environment=environment) as killed:
        killed.url()
        below = tree(killed.process.pid)
        assert len(below) >= 3  # X server, sound server, game
        killed.process.kill()
        until(lambda: gone(below), what="the processes of the killed server")
    with Live(*options, str(tmp_path / "b"), data=tmp_path, environment=environment) as next_one:
        next_one.url()
        assert len([entry for entry in (runtime / "tenku").iterdir() if entry.is_dir()]) == 1


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, runtime: Path, browser: Browser) -> None:
    command = (sys.executable, str(PROBE), str(tmp_path / "a"))
    with Live("--no-sandbox", "--", *command, data=tmp_path, environment={"XDG_RUNTIME_DIR": str(runtime)}) as live:
        page = open_page(browser, live.url())
        below = tree(live.process.pid)
        live.process.send_signal(signal.SIGINT)
        assert live.ended() == 0
        assert gone(below)
        assert [entry for entry in (runtime / "tenku").iterdir() if entry.is_dir()] == []
        until(lambda: "ended" in page.inner_text("body"), what="the page says so")


def test_a_session_that_nobody_plays_warns_and_ends_and_an_answer_keeps_it(tmp_path: Path, browser: Browser) -> None:
    """Whoever answers the warning has all the time again; who watches is no answer; the command ends well."""
    often = {"TENKU_PLAY_IDLE_S": "12", "TENKU_PLAY_IDLE_WARNING_S": "10"}
    with probe(tmp_path, environment=often) as (live, log):
        page = open_page(browser, live.url())
        viewer = open_page(browser, live.url("viewer"))
        warning = page.locator("#idle")
        warning.wait_for(state="visible")
        viewer.keyboard.press("KeyV")
        assert warning.is_visible()
        page.locator("#idle-stay").click()
        warning.wait_for(state="hidden")
        page.keyboard.press("KeyK")
        log.wait("down", key="k")
        assert live.process.poll() is None
        warning.wait_for(state="visible")
        assert live.ended() == 0
        until(lambda: "Nobody played for 12 s" in page.inner_text("body"), what="the page says why it ended")


def test_strangers_get_a_401_and_soon_nothing_at_all(tmp_path: Path) -> None:
    with probe(tmp_path) as (live, _):
        origin, _, token = live.url().partition("/p/")
        assert status(f"{origin}/p/") in (401, 404)
        assert status(f"{origin}/") == 401
        assert status(f"{origin}/p/{token}") == 200
        assert [status(f"{origin}/p/wrong{number}") for number in range(12)] == [401] * 10 + [429] * 2
        assert status(f"{origin}/metrics", **{"X-Forwarded-For": "192.0.2.7"}) == 401


def test_foreign_pages_are_refused(tmp_path: Path, browser: Browser) -> None:
    with probe(tmp_path) as (live, _):
        page = browser.new_page()
        page.goto("data:text/html,<title>foreign</title>")
        code = page.evaluate(
            """(url) => new Promise((done) => {
                const socket = new WebSocket(url);
                socket.onopen = () => done('open');
                socket.onclose = (event) => done(event.code);
            })""",
            live.url().replace("http", "ws") + "/ws",
        )
        assert code == 1006  # Refused before it was a WebSocket.


def test_a_garbage_message_closes_that_connection_only(tmp_path: Path, browser: Browser) -> None:
    with probe(tmp_path) as (live, log):
        player = open_page(browser, live.url())
        viewer = open_page(browser, live.url("viewer"))
        code = viewer.evaluate(
            """() => new Promise((done) => {
                const socket = new WebSocket(location.href.replace('http', 'ws') + '/ws');
                socket.onopen = () => socket.send(new Uint8Array([1, 250, 3]));
                socket.onclose = (event) => done(event.code);
            })"""
        )
        assert code == 4400
        player.keyboard.press("KeyG")
        log.wait("down", key="g")
        until(lambda: close_to(colour_at(viewer, 0.5, 0.3), DARK), what="the viewer's picture goes on")
        shown(viewer)
