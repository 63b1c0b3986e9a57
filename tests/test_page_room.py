"""What the page shows around the picture: people, notices, measurements, tools, the cursor."""

import io
import re

from PIL import Image

from browser import Open, until
from page_server import WEB, Script
from tenku.play.protocol import (
    Command,
    Cursor,
    Hello,
    Key,
)

pytest_plugins = ["page_fixtures"]
ME = {"slot": 1, "role": "player", "name": "Ann", "here": True, "muted": False, "host": True, "you": True}
BO = {"slot": 2, "role": "player", "name": "Bo", "here": True, "muted": False, "host": False, "you": False}
LINKS = {"player2": "/p/two", "player3": "/p/three", "player4": "/p/four", "viewer": "/p/watch"}


def cursor_png() -> bytes:
    """A cursor of 16 by 16 pixels."""
    file = io.BytesIO()
    Image.new("RGBA", (16, 16), "orange").save(file, "PNG")
    return file.getvalue()


def test_the_games_cursor_is_drawn_by_the_browser(play: Open) -> None:
    page, server = play()
    server.send(Cursor(1, 4, 4, cursor_png()))
    until(page, "document.getElementById('stage').style.cursor.includes('data:image/png')")
    assert page.evaluate("document.getElementById('stage').style.cursor.endsWith(' 6 6, default')"), "hot spot, scaled"
    server.send(Cursor(0, 0, 0, b""))
    until(page, "document.getElementById('stage').style.cursor === 'none'")
    server.send(Cursor(2, 0, 0, b""))
    until(page, "document.getElementById('stage').style.cursor === 'default'")


def test_the_first_player_sees_and_rules_the_people(play: Open) -> None:
    page, server = play(Script(states=[{"roster": [ME, BO]}, {"links": LINKS}]))
    page.evaluate("document.querySelector('[data-tool=people]').click()")
    assert page.inner_text("#people-count") == "2"
    page.click("[aria-label^='Mute Bo']")
    page.click("[aria-label^='Hand the session over to Bo']")
    page.click("[aria-label='Remove Bo']")
    page.click("[aria-label^='New link for Viewers']")
    asked = [command.about for command in server.wait_for(Command, 4)]
    assert [about["do"] for about in asked] == ["mute", "hand_over", "remove", "new_link"]
    assert [about["slot"] for about in asked] == [2, 2, 2, 0]
    page.click("#panel li:has-text('Player 3') .copy")
    page.wait_for_selector(".notice:has-text('copied')")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == server.url.rsplit("/p/", 1)[0] + "/p/three"


def test_others_cannot_rule(play: Open) -> None:
    page, _server = play(Script(states=[{"roster": [{**BO, "host": True}, {**ME, "host": False}]}]))
    page.evaluate("document.querySelector('[data-tool=people]').click()")
    assert page.locator(".row-actions").count() == 0


def test_the_own_name_is_told_and_remembered(play: Open) -> None:
    page, server = play()
    page.evaluate("document.querySelector('[data-tool=people]').click()")
    page.fill("#own-name", "Zoë")
    page.press("#own-name", "Enter")
    assert [command.about for command in server.wait_for(Command)] == [{"do": "rename", "name": "Zoë"}]
    assert server.heard(Key) == [], "typing in the page is not playing"
    page.reload()
    assert server.wait_for(Hello, 2)[-1].about["name"] == "Zoë"


def test_the_idle_warning_can_be_answered(play: Open) -> None:
    page, server = play()
    server.tell(idle={"ends_in_s": 45})
    page.wait_for_selector("#idle:not([hidden])")
    assert page.inner_text("#idle-count") in ("45 s", "44 s")
    page.click("#idle-stay")
    assert [command.about for command in server.wait_for(Command)] == [{"do": "stay"}]
    assert page.is_hidden("#idle")


def test_notices_come_as_text_and_never_as_markup(play: Open) -> None:
    page, server = play()
    server.tell(notice={"text": "<b>Disk full</b>: the recording has ended.", "level": "warning"})
    page.wait_for_selector(".notice.warning")
    assert page.inner_text(".notice.warning").startswith("<b>Disk full</b>")


def test_the_overlay_comes_and_goes_with_its_key(play: Open) -> None:
    page, server = play()
    page.keyboard.press("F9")
    page.wait_for_selector("#overlay:not([hidden])")
    until(page, "Number(document.querySelector('#overlay tr.total td').textContent) > 0")
    server.tell(quality={"bitrate_kbps": 8000, "fps": 60, "width": 1280, "height": 720})
    page.wait_for_selector("#overlay dd:has-text('1280×720')")
    page.keyboard.press("F9")
    page.wait_for_selector("#overlay", state="hidden")
    assert server.heard(Key) == [], "the key of the page is not the game's"


def test_the_tools_go_by_themselves_and_come_by_keyboard(play: Open) -> None:
    page, _server = play()
    until(page, "!document.getElementById('bar').classList.contains('open')")
    page.keyboard.press("Control+Alt+Shift+KeyM")
    until(page, "document.activeElement?.dataset.tool === 'fullscreen'")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.tool") == "lock"
    page.keyboard.press("Escape")
    until(page, "document.activeElement.id === 'typing'")


def test_every_title_that_the_page_may_show_is_explained() -> None:
    """A player who searches docs/player.md for what the screen says finds it."""
    docs = (WEB.parents[2] / "docs" / "player.md").read_text(encoding="utf-8")
    titles = set(re.findall(r'title(?::| =) "(.+?)"', (WEB / "endings.js").read_text(encoding="utf-8")))
    titles |= set(re.findall(r"crashed \? \"(.+?)\"", (WEB / "endings.js").read_text(encoding="utf-8")))
    titles |= set(re.findall(r"<h1>(.+?)</h1>", (WEB / "denied.html").read_text(encoding="utf-8")))
    assert len(titles) >= 13
    assert {title for title in titles if f"| {title} |" not in docs} == set()
