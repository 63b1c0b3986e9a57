"""The demo: OpenTTD from Debian, in the sandbox, with sound, through Xwayland, in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageChops, ImageStat
from playwright.sync_api import Page

from live import Live, chromium, command, open_page, picture, tree, until

MENU_ORANGE = (228, 144, 36)
EXIT_BUTTON = (0.505, 0.65)
NEW_GAME = (0.443, 0.388)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(data=tmp_path_factory.mktemp("demo")) as started:
        started.url()
        yield started


@pytest.fixture(scope="module")
def page(live: Live) -> Iterator[Page]:
    with chromium() as browser:
        yield open_page(browser, live.url())


def orange_share(page: Page, box: tuple[float, float, float, float]) -> float:
    """How much of a part of the page has the colour of OpenTTD's main menu."""
    image = picture(page)
    part = image.crop(tuple(int(each * side) for each, side in zip(box, image.size * 2, strict=True)))  # type: ignore[arg-type]
    distance = np.abs(np.asarray(part, dtype=np.int16) - np.array(MENU_ORANGE))
    return float((distance.max(axis=2) < 60).mean())


def test_the_menu_is_seen_and_a_click_on_it_changes_the_picture(page: Page) -> None:
    menu = (0.38, 0.37, 0.63, 0.65)
    until(lambda: orange_share(page, menu) > 0.3, what="OpenTTD's menu")
    before = picture(page).crop((300, 150, 980, 600))
    page.mouse.move(1280 * NEW_GAME[0], 720 * NEW_GAME[1])
    page.mouse.click(1280 * NEW_GAME[0], 720 * NEW_GAME[1])

    def changed() -> bool:
        after = picture(page).crop((300, 150, 980, 600))
        return sum(ImageStat.Stat(ImageChops.difference(before, after)).mean) / 3 > 15

    until(changed, what="the window that the click opens")


def test_the_game_is_in_a_sandbox(live: Live) -> None:
    """The game runs as somebody who owns nothing here, and sees no process but its own."""
    games = [pid for pid in tree(live.process.pid) if command(pid).startswith(b"/usr/games/openttd")]
    assert games
    for game in games:
        about = dict(line.split(":", 1) for line in Path(f"/proc/{game}/status").read_text().splitlines())
        assert about["Uid"].split()[0] != "0"
        assert len(about["NSpid"].split()) > 1
