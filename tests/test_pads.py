"""Gamepads reach real SDL games, in a sandbox and without, and the games' rumble comes back."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from pads_game import PYGAME, Command, Play, build_controller, playing, started
from tenku.play.pads import LIBRARY, ShimPads

if not LIBRARY.is_file():
    pytest.skip("The gamepad library was not built: no C compiler at install.", allow_module_level=True)

REST = ((0, 0, 0, 0), (0, 0))
SANDBOXES = [
    "none",
    pytest.param("bwrap", marks=pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is missing")),
]
BUTTONS = {
    0: (0, "a"),
    1: (1, "b"),
    2: (2, "x"),
    3: (3, "y"),
    4: (4, "leftshoulder"),
    5: (5, "rightshoulder"),
    8: (6, "back"),
    9: (7, "start"),
    16: (8, "guide"),
    10: (9, "leftstick"),
    11: (10, "rightstick"),
}
"""W3C standard button: (joystick button of an Xbox 360 pad, SDL's name for it)."""
CROSS = {12: ((0, 1), "dpup"), 13: ((0, -1), "dpdown"), 14: ((-1, 0), "dpleft"), 15: ((1, 0), "dpright")}


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The C game, which uses the system's SDL and its game controller database."""
    command = build_controller(tmp_path_factory.mktemp("controller"))
    if command is None:
        pytest.skip("cc or sdl2-config (libsdl2-dev) is missing")
    return command


@pytest.fixture(params=["pygame", "system SDL"])
def any_game(request: pytest.FixtureRequest) -> Command:
    """Both games: the SDL that pygame brings (built for an older libc), and the system's."""
    if request.param == "pygame":
        return PYGAME
    command: Command = request.getfixturevalue("controller")
    return command


async def press(play: Play, button: int, pad: int = 0) -> dict[str, Any]:
    """Press one button, and what the game shows then."""
    play.pads.set(pad, 1 << button, *REST)
    return await play.game.says(lambda line: line["event"] == "state" and rests(line) is False)


async def release(play: Play, pad: int = 0) -> None:
    """Let go of everything, and wait until the game shows so."""
    play.pads.set(pad, 0, *REST)
    await play.game.says(lambda line: line["event"] == "state" and rests(line))


def rests(state: dict[str, Any]) -> bool:
    return not state["buttons"] and state.get("hat", [0, 0]) == [0, 0]


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_a_pad_that_is_there_at_the_start_is_seen(any_game: Command, sandbox: str, tmp_path: Path) -> None:
    async def test() -> None:
        async with playing(tmp_path, any_game, sandbox=sandbox, plugged=[0]) as play:
            found = await play.game.event("plugged")
            assert "360" in found["name"]

    run(test())


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_a_pad_comes_and_goes_and_comes_again_while_the_game_runs(
    any_game: Command, sandbox: str, tmp_path: Path
) -> None:
    async def test() -> None:
        async with playing(tmp_path, any_game, sandbox=sandbox) as play:
            for _ in range(2):
                play.pads.plug(0, "pad")
                found = await play.game.event("plugged")
                play.pads.unplug(0)
                await play.game.event("unplugged", pad=found["pad"])

    run(test())


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("bwrap"), reason="only root can start a game as another user")
def test_a_game_that_runs_as_another_user_has_the_pads_too(controller: Command, tmp_path: Path) -> None:
    async def test() -> None:
        async with playing(tmp_path, controller, sandbox="other-user") as play:
            play.pads.plug(0, "pad")
            await play.game.event("plugged")
            assert (await press(play, 0))["buttons"] == ["a"]
            assert (await play.shake())[0] == 0

    run(test())


def test_every_button_is_the_right_joystick_button(tmp_path: Path) -> None:
    async def test() -> None:
        async with playing(tmp_path, PYGAME, plugged=[0]) as play:
            await play.game.event("plugged")
            for button, (number, _name) in BUTTONS.items():
                assert (await press(play, button))["buttons"] == [number]
                await release(play)
            for button, (hat, _name) in CROSS.items():
                assert (await press(play, button))["hat"] == list(hat)
                await release(play)

    run(test())


def test_every_button_has_the_right_name_in_the_controller_database(controller: Command, tmp_path: Path) -> None:
    async def test() -> None:
        async with playing(tmp_path, controller, plugged=[0]) as play:
            await play.game.event("plugged")
            for button, (_place, name) in {**BUTTONS, **CROSS}.items():
                assert (await press(play, button))["buttons"] == [name]
                await release(play)

    run(test())


def test_sticks_and_triggers_reach_the_game_whole(controller: Command, tmp_path: Path) -> None:
    async def test() -> None:
        async with playing(tmp_path, controller, plugged=[0]) as play:
            await play.game.event("plugged")
            for axes, triggers, shown in [
                ((32767, 0, 0, 0), (0, 0), [32767, 0, 0, 0, 0, 0]),
                ((0, -32767, 0, 0), (0, 0), [0, -32767, 0, 0, 0, 0]),
                ((0, 0, -20000, 12345), (0, 0), [0, 0, -20000, 12345, 0, 0]),
                ((0, 0, 0, 0), (255, 0), [0, 0, 0, 0, 32767, 0]),
                ((1, 2, 3, 4), (0, 255), [1, 2, 3, 4, 0, 32767]),
            ]:
                play.pads.set(0, 0, axes, triggers)
                await play.game.event("state", axes=shown)

    run(test())


def test_a_trigger_that_is_only_a_button_is_pulled_whole(controller: Command, tmp_path: Path) -> None:
    async def test() -> None:
        async with playing(tmp_path, controller, plugged=[0]) as play:
            await play.game.event("plugged")
            play.pads.set(0, 1 << 6 | 1 << 7, *REST)
            await play.game.event("state", axes=[0, 0, 0, 0, 32767, 32767])

    run(test())


def test_a_pad_that_is_opened_while_a_stick_is_held_shows_it_at_once(controller: Command, tmp_path: Path) -> None:
    async def test() -> None:
        async with playing(tmp_path, controller) as play:
            play.pads.plug(0, "pad")
            play.pads.set(0, 1 << 4, (-32767, 0, 0, 16000), (0, 0))
            await play.game.event("state", axes=[-32767, 0, 0, 16000, 0, 0], buttons=["leftshoulder"])
            play.pads.set(0, 0, *REST)
            await play.game.event("state", axes=[0] * 6, buttons=[])

    run(test())


def test_four_pads_do_not_mix(any_game: Command, tmp_path: Path) -> None:
    async def test() -> None:
        async with playing(tmp_path, any_game) as play:
            numbers = []
            for pad in range(4):
                play.pads.plug(pad, "pad")
                numbers.append((await play.game.event("plugged"))["pad"])
            assert len(set(numbers)) == 4
            for pad in (2, 0, 3, 1):
                assert (await press(play, 4, pad))["pad"] == numbers[pad]
                await release(play, pad)
            play.pads.unplug(1)
            await play.game.event("unplugged", pad=numbers[1])
            assert (await press(play, 5, 3))["pad"] == numbers[3]

    run(test())


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_rumble_reaches_the_right_pad_and_stops(any_game: Command, sandbox: str, tmp_path: Path) -> None:
    """SDL asks for an endless shake and stops it itself when the game's 400 ms are over."""

    async def test() -> None:
        async with playing(tmp_path, any_game, sandbox=sandbox) as play:
            for pad in (0, 1):
                play.pads.plug(pad, "pad")
                await play.game.event("plugged")
            await press(play, 0, pad=1)
            pad, strong, weak, duration_ms = await play.shake()
            assert (pad, strong // 256, weak // 256) == (1, 0x40 - (any_game == PYGAME), 0xC0 - (any_game == PYGAME))
            assert duration_ms >= 400
            while (shake := await play.shake()) != (1, 0, 0, 0):
                assert shake == (pad, strong, weak, duration_ms)

    run(test())


def test_rumble_stops_when_the_game_dies(controller: Command, tmp_path: Path) -> None:
    async def test() -> None:
        async with playing(tmp_path, controller, plugged=[0]) as play:
            await play.game.event("plugged")
            await press(play, 0)
            assert await play.shake() != (0, 0, 0, 0)
            play.game.process.send_signal(signal.SIGKILL)
            while await play.shake() != (0, 0, 0, 0):
                pass

    run(test())


SERVER = """
import asyncio, sys
from pathlib import Path
from tenku.play.pads import ShimPads

async def main():
    pads = ShimPads(Path(sys.argv[1]))
    await pads.start(lambda *shake: None)
    pads.plug(0, "pad")
    print('{"event": "ready"}', flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_when_the_server_is_killed_the_game_loses_the_pad_and_goes_on(any_game: Command, tmp_path: Path) -> None:
    async def test() -> None:
        async with started((sys.executable, "-c", SERVER, str(tmp_path)), {}) as server:
            await server.event("ready")
            async with started(any_game, ShimPads(tmp_path).environment()) as game:
                found = await game.event("plugged")
                server.process.send_signal(signal.SIGKILL)
                await game.event("unplugged", pad=found["pad"])
                assert game.process.returncode is None
            # its socket is still there, but nobody answers: a game that starts now sees no pad, and no harm
            async with started(any_game, ShimPads(tmp_path).environment()) as late:
                await late.event("ready")

    run(test())
