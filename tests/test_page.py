"""The player page in real Chromium, against a session without a game: picture, sound, the end and coming back."""

import io
import time

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from browser import Open, until
from media import RATE, frequency, level
from page_server import HEIGHT, TONE_HZ, WIDTH, PageServer, Script
from tenku.play.protocol import (
    Ack,
    Close,
    Hello,
    Key,
    KeyFrame,
    Shown,
)

pytest_plugins = ["page_fixtures"]


@pytest.mark.parametrize("query", ["", "?surface=canvas"])
def test_the_first_picture_is_shown_in_its_colours(play: Open, query: str) -> None:
    """Both ways of showing pictures: the browser's compositor, and a canvas where that is not to be had."""
    page, server = play(query=query)
    hello, *_ = server.wait_for(Hello)
    assert hello.about["codecs"][0] == "h264"
    assert page.locator("#film").count() == (0 if query else 1)
    wanted = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]
    deadline = time.monotonic() + 10
    while np.abs(np.subtract(corners(page), wanted)).max() > 24:  # The encoder may be a little off, the page may not.
        assert time.monotonic() < deadline, corners(page)
    assert page.title() == "Four Colours · Tenku"
    assert page.evaluate("performance.getEntriesByName('tenku:first-frame').length") == 1


def corners(page: Page) -> list[tuple[int, ...]]:
    """The colours of the four quarters of what the page shows."""
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    places = [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)]
    return [np.asarray(image)[int(image.height * y), int(image.width * x)].tolist() for x, y in places]


def test_every_frame_is_acknowledged_at_once_and_reported_when_drawn(play: Open) -> None:
    page, server = play()
    shown = server.wait_for(Shown, 20)
    acked = [message.frame for message in server.heard(Ack)]
    assert acked == list(range(acked[0], acked[0] + len(acked)))
    assert {message.frame for message in shown} <= set(acked)
    order = [type(message) for message in server.received if isinstance(message, Ack | Shown)]
    assert order[0] is Ack
    assert all(message.decoded_us <= message.shown_us for message in shown)
    assert page.evaluate("tenku.stats.summary('total').p50") > 9  # the server says that 9 ms went by before sending


def test_a_smaller_picture_is_scaled_up_to_the_games_place(play: Open) -> None:
    page, _server = play(Script(welcome={"width": WIDTH * 2, "height": HEIGHT * 2}))
    box = page.evaluate(
        "(({width, height}) => [width, height])(document.getElementById('picture').getBoundingClientRect())"
    )
    assert box == [960, 540]
    page.set_viewport_size({"width": 500, "height": 500})
    box = page.evaluate("(({left, width, height}) => [left, width, height])(picture.getBoundingClientRect())")
    assert box == [0, 500, 281.25]


def test_a_decoder_that_falls_behind_asks_for_one_key_frame(play: Open) -> None:
    page, server = play(
        init="""
        globalThis.waiting = 0;
        const { get } = Object.getOwnPropertyDescriptor(VideoDecoder.prototype, "decodeQueueSize");
        const get_or_pretend = { get() { return waiting || get.call(this); } };
        Object.defineProperty(VideoDecoder.prototype, "decodeQueueSize", get_or_pretend);
        """
    )
    assert server.heard(KeyFrame) == []
    page.evaluate("waiting = 9")
    server.wait_for(KeyFrame)
    until(page, "tenku.stats.totals.dropped > 0")
    page.evaluate("waiting = 0")
    shown = len(server.heard(Shown))
    server.wait_for(Shown, shown + 10)
    assert any(message.queue == 9 for message in server.heard(Ack))


def test_the_key_frame_is_asked_for_once_until_it_comes(play: Open) -> None:
    page, server = play(Script(video=False), wait=False)
    until(page, "globalThis.tenku?.session.seat")
    page.evaluate(
        """(async () => {
            const { Video } = await import("/static/video.js");
            const sent = [];
            const connection = { send: (message) => sent.push(message.name) };
            const { clock, stats } = tenku;
            const canvas = document.createElement("canvas");
            const video = new Video({ canvas, connection, clock, stats });
            await video.start({ codec: "avc1.42C01F" });
            for (let frame = 1; frame <= 50; frame++) {
                video.receive({ frame, flags: 0, capture_us: frame, data: new Uint8Array(9) });
            }
            globalThis.sent = sent;
        })()"""
    )
    sent = page.evaluate("sent")
    assert sent.count("Ack") == 50
    assert sent.count("KeyFrame") == 1
    assert server.connections == 1


def test_rubbish_in_the_stream_makes_the_decoder_begin_anew(play: Open) -> None:
    page, server = play(
        init="""
        const decode = VideoDecoder.prototype.decode;
        globalThis.spoil = 0;
        VideoDecoder.prototype.decode = function (chunk) {
            if (spoil-- <= 0) return decode.call(this, chunk);
            const data = new Uint8Array(64).fill(7);
            decode.call(this, new EncodedVideoChunk({ type: chunk.type, timestamp: chunk.timestamp, data }));
        };
        """
    )
    page.evaluate("spoil = 1")
    server.wait_for(KeyFrame)
    shown = len(server.heard(Shown))
    server.wait_for(Shown, shown + 10)


def test_the_tone_is_heard_and_the_skew_is_told(play: Open) -> None:
    page, server = play(Script(sound=True), query="?debug=1")
    until(page, f"tenku.sound.decoded().length > {RATE} && tenku.sound.heard().length > {2 * RATE}")
    decoded = np.array(page.evaluate("Array.from(tenku.sound.decoded().slice(-48000))"), np.float32)
    assert frequency(decoded) == pytest.approx(TONE_HZ, abs=3)
    assert level(decoded) == pytest.approx(0.5, abs=0.05)
    heard = np.array(page.evaluate("Array.from(tenku.sound.heard().slice(-96000))"), np.float32)
    assert frequency(heard) == pytest.approx(TONE_HZ, rel=0.01)  # catching up may play a little faster
    server.wait(lambda: any(shown.skew_ms != -32768 for shown in server.heard(Shown)), "a skew")


def test_silence_does_not_push_the_sound_behind_the_picture(play: Open) -> None:
    """The browser's decoder counts samples and forgets gaps; the page must not."""
    page, server = play(Script(sound=True))
    for sound in (False, True) * 3:
        server.script.sound = sound
        server.wait_for(Shown, len(server.heard(Shown)) + 18)
    before = len(server.heard(Shown))
    server.wait(lambda: sum(shown.skew_ms != -32768 for shown in server.heard(Shown)[before:]) >= 20, "sound again")
    skews = [shown.skew_ms for shown in server.heard(Shown)[before:] if shown.skew_ms != -32768]
    assert abs(float(np.median(skews))) < 500, "three gaps of half a second would be 1800 ms"
    assert page.evaluate("tenku.sound.state.packets") > 0


def test_without_sound_the_skew_says_so(play: Open) -> None:
    _page, server = play()
    assert {shown.skew_ms for shown in server.wait_for(Shown, 5)} == {-32768}


def test_the_hint_for_sound_comes_while_the_browser_blocks_it(play: Open) -> None:
    blocked = """
        AudioContext.prototype.resume = async () => {};
        Object.defineProperty(AudioContext.prototype, "state", { get: () => "suspended" });
    """
    page, _server = play(Script(sound=True), init=blocked)
    page.wait_for_selector("#sound-hint:not([hidden])")
    page.evaluate("document.querySelector('[data-tool=sound]').click()")
    assert page.is_hidden("#sound-hint"), "muted: nobody misses the sound"


SCREENS = {
    Close.OVER: ("The game has ended", None),
    Close.BAD_MESSAGE: ("The page and the game lost each other", "Reload"),
    Close.UNAUTHORIZED: ("This link no longer works", None),
    Close.REMOVED: ("You were removed from the game", None),
    Close.REPLACED: ("Opened on another device", "Play here"),
    Close.FULL: ("The audience is full", "Try again"),
    Close.BAD_VERSION: ("This page is out of date", "Reload"),
}


@pytest.mark.parametrize("code", sorted(set(Close) - {Close.SILENT}), ids=lambda code: code.name)
def test_every_close_code_has_its_screen(play: Open, code: Close) -> None:
    page, server = play()
    server.close(code)
    title, action = SCREENS[code]
    page.wait_for_selector(f"#screen-title:has-text('{title}')")
    assert page.locator("#screen-actions button").all_inner_texts() == ([action] if action else [])
    assert server.connections == 1, "it does not come back by itself"


def test_a_replaced_page_can_take_the_game_back(play: Open) -> None:
    page, server = play()
    server.close(Close.REPLACED)
    page.click("#screen-actions button")
    server.wait_for(Hello, 2)
    page.wait_for_selector("#screen", state="hidden")


def test_a_crash_shows_the_exit_code_and_the_last_lines(play: Open) -> None:
    page, server = play()
    lines = [f"line {n}" for n in range(1, 20)] + ["Segmentation fault <oh>"]
    server.tell(ended={"code": 139, "reason": "the game crashed", "lines": lines})
    server.close(Close.OVER)
    page.wait_for_selector("#screen-title:has-text('The game stopped working')")
    assert page.inner_text("#screen-text") == "The game crashed. Exit code 139."
    assert page.inner_text("#screen-lines").splitlines() == lines


@pytest.mark.parametrize("code", [1011, Close.SILENT])
def test_a_lost_connection_comes_back_by_itself(play: Open, code: int) -> None:
    page, server = play()
    page.keyboard.press("KeyA")
    server.wait_for(Key, 2)
    server.close(code)
    server.wait_for(Hello, 2)
    page.wait_for_selector("#screen", state="hidden")
    shown = len(server.heard(Shown))
    server.wait_for(Shown, shown + 5)
    page.keyboard.press("KeyB")
    seqs = [key.seq for key in server.wait_for(Key, 4)]
    assert seqs == sorted(set(seqs)), "numbers rise across connections"


def test_while_the_server_is_away_the_page_counts_down(play: Open) -> None:
    page, server = play()
    server.script.status = 503
    server.close(1012)
    page.wait_for_selector("#screen-title:has-text('Connection lost')")
    assert "Your place is kept for" in page.inner_text("#screen-text")
    page.click("#screen-actions button")
    server.script.status = 200
    server.wait_for(Hello, 2)
    page.wait_for_selector("#screen", state="hidden")


def test_a_link_that_was_revoked_meanwhile_is_said_to_be(play: Open) -> None:
    page, server = play()
    server.script.status = 401
    server.close(1012)
    page.wait_for_selector("#screen-title:has-text('This link no longer works')")


def test_leaving_is_a_choice_that_can_be_taken_back(play: Open) -> None:
    page, server = play()
    page.evaluate("document.querySelector('[data-tool=leave]').click()")
    page.wait_for_selector("#screen-title:has-text('You left the game')")
    page.click("#screen-actions button")
    server.wait_for(Hello, 2)


def test_retrying_waits_longer_and_longer_and_then_stops(play: Open) -> None:
    page, _server = play()
    delays = page.evaluate(
        """(async () => {
            const { retryDelay } = await import("/static/connection.js");
            const delays = [];
            let lostMs = 0;
            for (let attempt = 0; ; attempt++) {
                const delay = retryDelay({ attempt, lostMs, keepMs: 60000 });
                if (delay === null) return delays;
                delays.push(delay);
                lostMs += delay;
            }
        })()"""
    )
    assert delays[0] <= 200
    assert delays[:-1] == sorted(delays[:-1])
    assert sum(delays) == 60_000


def test_without_webcodecs_the_page_says_exactly_that(play: Open) -> None:
    page, server = play(init="delete globalThis.VideoDecoder", wait=False)
    page.wait_for_selector("#screen-text:has-text('WebCodecs (VideoDecoder) is missing in this browser')")
    assert "Chrome and Edge 94" in page.inner_text("#screen-text")
    assert server.connections == 0


def test_on_an_insecure_page_it_says_how_to_make_it_secure(play: Open) -> None:
    insecure = "delete globalThis.VideoDecoder; Object.defineProperty(globalThis, 'isSecureContext', { value: false });"
    page, _server = play(init=insecure, wait=False)
    page.wait_for_selector("#screen-text:has-text('tenku play --tls')")


def test_a_wrong_link_gets_a_page_that_tells_nothing(browser: Browser) -> None:
    with PageServer() as server:
        page = browser.new_page()
        answer = page.goto(server.url.replace("player-1", "nobody"))
        assert answer is not None
        assert answer.status == 401
        assert page.inner_text("h1") == "This link does not work"
        assert "Four Colours" not in page.content()
        page.close()
