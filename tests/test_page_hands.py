"""What the player does in the page, and what the session then hears."""

import pytest

from browser import PHONE, Open, until
from page_server import WIDTH, Script
from tenku.play.protocol import (
    Button,
    ClipboardFromBrowser,
    ClipboardFromGame,
    Key,
    Pad,
    PadGone,
    PointerAt,
    PointerBy,
    ReleaseAll,
    Shown,
    TypeText,
    Wheel,
)

pytest_plugins = ["page_fixtures"]
VIEWER = {"role": "viewer", "slot": 0}


def test_keys_go_by_their_place_and_repeats_do_not_count(play: Open) -> None:
    page, server = play()
    page.keyboard.down("KeyQ")
    page.keyboard.down("KeyQ")
    page.keyboard.up("KeyQ")
    page.keyboard.press("ArrowLeft")
    keys = server.wait_for(Key, 4)
    assert [(key.code, key.down) for key in keys] == [(16, 1), (16, 0), (105, 1), (105, 0)]
    assert [key.seq for key in keys] == sorted({key.seq for key in keys})
    assert all(key.time_us > 0 for key in keys)
    until(page, "tenku.stats.summary('roundTrip').count === 4 && tenku.stats.summary('inputToShown').count > 0")


def test_losing_the_focus_lets_go_of_everything(play: Open) -> None:
    page, server = play()
    page.keyboard.down("KeyW")
    server.wait_for(Key)
    before = len(server.heard(ReleaseAll))
    page.evaluate("window.dispatchEvent(new Event('blur'))")
    server.wait_for(ReleaseAll, before + 1)
    page.keyboard.up("KeyW")
    page.keyboard.press("KeyX")
    keys = server.wait_for(Key, 3)
    assert [(key.code, key.down) for key in keys] == [(17, 1), (45, 1), (45, 0)]


def test_the_mouse_is_where_it_points_with_buttons_and_wheel(play: Open) -> None:
    page, server = play()
    page.mouse.move(480, 135)
    page.mouse.down(button="right")
    page.mouse.up(button="right")
    page.mouse.wheel(0, 200)
    server.wait_for(Wheel)
    at = server.heard(PointerAt)[-1]
    assert [at.x, at.y] == pytest.approx([32768, 16384], abs=70)
    assert [(button.button, button.down) for button in server.heard(Button)] == [(2, 1), (2, 0)]
    assert sum(wheel.dy for wheel in server.heard(Wheel)) == 240
    kinds = [type(message) for message in server.inputs()]
    assert kinds.index(PointerAt) < kinds.index(Button), "the click lands where the mouse is"


def test_a_fast_mouse_does_not_flood_the_line(play: Open) -> None:
    """Positions come at most every 4 ms, and the last one always comes."""
    page, server = play()
    page.evaluate(
        """for (let x = 0; x <= 900; x++) {
            const init = { clientX: x, clientY: 100, pointerType: "mouse", bubbles: true };
            document.getElementById("stage").dispatchEvent(new PointerEvent("pointermove", init));
        }"""
    )
    server.wait(lambda: any(at.x == round(900 / 960 * 65535) for at in server.heard(PointerAt)), "the last position")
    assert len(server.heard(PointerAt)) < 100


def test_a_locked_mouse_moves_by_steps(play: Open) -> None:
    page, server = play()
    page.mouse.move(400, 300)
    page.keyboard.press("Control+Alt+Shift+KeyL")
    until(page, "document.pointerLockElement === document.getElementById('stage')")
    page.mouse.move(430, 290)
    server.wait_for(PointerBy)
    moved = server.heard(PointerBy)
    scale = WIDTH / 960
    assert sum(step.dx for step in moved) == pytest.approx(30 * scale, abs=1)
    assert sum(step.dy for step in moved) == pytest.approx(-10 * scale, abs=1)


def test_a_tap_is_a_click(play: Open) -> None:
    page, server = play(**PHONE)
    page.touchscreen.tap(195, 422)
    buttons = server.wait_for(Button, 2)
    assert [(button.button, button.down) for button in buttons] == [(0, 1), (0, 0)]
    at = server.heard(PointerAt)[-1]
    assert [at.x, at.y] == pytest.approx([32768, 32768], abs=300)


def test_fingers_drag_press_long_and_scroll(play: Open) -> None:
    """The gestures, decided without a clock or a screen."""
    page, _server = play()
    done = page.evaluate(
        """(async () => {
            const { Gestures } = await import("/static/touch.js");
            const at = (id, clientX, clientY) => ({ id, clientX, clientY });
            const run = (act) => {
                const done = [];
                act(new Gestures({
                    moveTo: ({ clientX, clientY }) => done.push(["at", clientX, clientY]),
                    press: (button, down) => done.push([down ? "down" : "up", button]),
                    turn: (dx, dy) => done.push(["turn", dx, dy]),
                }));
                return done;
            };
            return {
                drag: run((g) => { g.start([at(1, 10, 10)]); g.move([at(1, 40, 10)]); g.end([1]); }),
                long: run((g) => { g.start([at(1, 10, 10)]); g.move([at(1, 12, 10)]); g.longPress(); g.end([1]); }),
                scroll: run((g) => {
                    g.start([at(1, 10, 100)]); g.start([at(2, 50, 100)]);
                    g.move([at(1, 10, 64), at(2, 50, 64)]); g.end([1]); g.end([2]);
                }),
                lost: run((g) => { g.start([at(1, 10, 10)]); g.move([at(1, 40, 10)]); g.cancel(); }),
            };
        })()"""
    )
    assert done["drag"] == [["at", 10, 10], ["down", 0], ["at", 40, 10], ["up", 0]]
    assert done["long"] == [["at", 10, 10], ["down", 2], ["up", 2]]
    assert done["scroll"] == [["at", 10, 100], ["turn", 0, 120]]
    assert done["lost"][-1] == ["up", 0]


def test_the_pad_on_the_screen_is_a_gamepad(play: Open) -> None:
    page, server = play(**PHONE)
    page.click("#handle")
    page.click("[data-tool=pad]")
    assert [pad.buttons for pad in server.wait_for(Pad)] == [0], "showing it plugs it in"
    page.tap("#touchpad [data-button=a]")
    assert [pad.buttons for pad in server.wait_for(Pad, 3)] == [0, 1, 0]
    box = page.locator("[data-stick=left]").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 2, box["y"] + box["height"] / 2)
    server.wait(lambda: any(pad.left_x == 32767 for pad in server.heard(Pad)), "the stick to the right")
    page.mouse.up()
    server.wait(lambda: server.heard(Pad)[-1].left_x == 0, "the stick back in its middle")
    page.click("#handle")
    page.click("[data-tool=pad]")
    assert [gone.pad for gone in server.wait_for(PadGone)] == [0]


def test_a_real_gamepad_tells_only_changes(play: Open) -> None:
    page, server = play(
        init="""
        globalThis.fake = { index: 2, id: "Pad of the test (STANDARD GAMEPAD)", connected: true, mapping: "standard",
            axes: [0, 0, 0, 0], buttons: Array.from({ length: 17 }, () => ({ pressed: false, value: 0 })) };
        navigator.getGamepads = () => [null, null, fake, null];
        """
    )
    page.evaluate("dispatchEvent(Object.assign(new Event('gamepadconnected'), { gamepad: fake }))")
    server.wait_for(Pad)
    page.evaluate("fake.buttons[7] = { pressed: true, value: 0.5 }; fake.axes[1] = -1")
    pads = server.wait_for(Pad, 2)
    assert [(pad.pad, pad.buttons, pad.left_y, pad.right_trigger) for pad in pads] == [
        (0, 0, 0, 0),
        (0, 128, -32767, 128),
    ]


def test_a_viewers_input_never_leaves_the_page(play: Open) -> None:
    page, server = play(Script(welcome=VIEWER))
    page.keyboard.press("KeyA")
    page.mouse.move(100, 100)
    page.mouse.down()
    page.mouse.up()
    page.keyboard.press("F9")
    page.wait_for_selector("#overlay:not([hidden])")
    server.wait_for(Shown, len(server.heard(Shown)) + 10)
    assert server.inputs() == []
    assert page.is_visible("#badge")


def test_pasting_brings_the_clipboard_before_the_key(play: Open) -> None:
    page, server = play()
    page.evaluate("navigator.clipboard.writeText('grüße 🛩')")
    page.mouse.click(300, 300)
    page.keyboard.press("Control+KeyV")
    pasted, *_ = server.wait_for(ClipboardFromBrowser)
    assert pasted.text == "grüße 🛩"
    server.wait_for(Key, 4)
    what = [
        (message.code, message.down) if isinstance(message, Key) else "text"
        for message in server.inputs()
        if isinstance(message, Key | ClipboardFromBrowser)
    ]
    assert what == [(29, 1), "text", (47, 1), (47, 0), (29, 0)]


def test_long_clipboard_text_is_cut_between_letters(play: Open) -> None:
    page, _server = play()
    cut = page.evaluate(
        """(async () => {
            const { fitting } = await import("/static/clipboard.js");
            return [fitting("ab"), fitting("🛩".repeat(20000)).length, fitting("x".repeat(60001)).length];
        })()"""
    )
    assert cut == ["ab", 30000, 60000]


def test_what_the_game_copies_lands_in_the_players_clipboard(play: Open) -> None:
    page, server = play()
    server.send(ClipboardFromGame("seed 4711"))
    page.evaluate(
        """new Promise((done) => {
            const look = async () => {
                if ((await navigator.clipboard.readText()) === "seed 4711") done();
                else setTimeout(look, 20);
            };
            look();
        })"""
    )


def test_composed_text_reaches_the_game_as_text(play: Open) -> None:
    page, server = play()
    page.mouse.click(300, 300)
    session = page.context.new_cdp_session(page)
    session.send("Input.imeSetComposition", {"text": "に", "selectionStart": 1, "selectionEnd": 1})
    session.send("Input.insertText", {"text": "日本"})
    typed = server.wait_for(TypeText)
    assert "".join(message.text for message in typed) == "日本"
    assert server.heard(Key) == []


def test_every_key_has_a_code_that_the_server_takes(play: Open) -> None:
    page, _server = play()
    keys: dict[str, int] = page.evaluate("import('/static/keys.js').then(({ EVDEV }) => EVDEV)")
    assert all(1 <= code <= 247 for code in keys.values())
    letters = {f"Key{chr(letter)}" for letter in range(ord("A"), ord("Z") + 1)}
    numbered = {f"Digit{n}" for n in range(10)} | {f"Numpad{n}" for n in range(10)} | {f"F{n}" for n in range(1, 25)}
    assert letters | numbered | {"IntlBackslash", "IntlRo", "IntlYen", "MediaPlayPause", "ContextMenu"} <= keys.keys()
