"""The preloaded library answers as the kernel's gamepad would, and leaves everything else alone."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pads_game import PROBE, Play, playing
from tenku.play.pads import LIBRARY, xbox

if not LIBRARY.is_file():
    pytest.skip("The gamepad library was not built: no C compiler at install.", allow_module_level=True)

A_HELD = 1
WIDE = ((32767, -32767, 0, 0), (0, 255))


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


@asynccontextmanager
async def probing(run_folder: Path, act: str) -> AsyncIterator[Play]:
    """The probe, about to do one act on a pad whose A is held and whose left stick lies in a corner."""
    async with playing(run_folder, (*PROBE, act), plugged=[0]) as play:
        play.pads.set(0, A_HELD, *WIDE)
        play.game.go_on()
        yield play


def test_the_device_describes_itself_as_an_xbox_pad_in_its_present_state(tmp_path: Path) -> None:
    """The C tables and the Python tables agree, and a newly opened device shows where its sticks are."""

    async def test() -> None:
        async with probing(tmp_path, "describe") as play:
            about = await play.game.event("device")
            assert about["listed"] == ["event0", "js0"]
            assert about["character"]
            assert about["writable"]
            assert about["rdev"] == [13, 64]
            assert about["id"] == [3, xbox.VENDOR, xbox.PRODUCT, xbox.VERSION]
            assert (about["name"], about["phys"]) == (xbox.NAME, "tenku/pad0")
            assert about["kinds"] == [0, 1, 3, 0x15]
            assert about["keys"] == sorted(xbox.KEYS)
            assert about["axes"] == sorted(axis.code for axis in xbox.AXES)
            assert about["effects"] == sorted(xbox.EFFECTS)
            assert about["relative"] == []
            assert about["slots"] == xbox.EFFECT_SLOTS
            assert about["held"] == [xbox.KEYS[0]]
            state = xbox.state_of(A_HELD, *WIDE)
            assert about["places"] == {
                str(axis.code): [value, axis.low, axis.high, 0, axis.flat, 0]
                for axis, value in zip(xbox.AXES, state.axes, strict=True)
            }
            assert (about["blocking"], about["inheritable"]) == (True, False)
            assert (about["js_question"], about["short_read"]) == ("EINVAL", "EINVAL")
            assert (about["missing"], about["other_file"]) == ("ENOENT", "ENOENT")

    run(test())


def test_a_descriptor_number_that_is_used_again_is_no_pad(tmp_path: Path) -> None:
    async def test() -> None:
        async with probing(tmp_path, "others_are_left_alone") as play:
            line = await play.game.event("reused")
            assert (line["read"], line["kind"], line["ioctl"]) == ("not a", True, "ENOTTY")

    run(test())


def test_threads_may_open_and_close_pads_at_once(tmp_path: Path) -> None:
    async def test() -> None:
        async with probing(tmp_path, "many_at_once") as play:
            assert (await play.game.event("threads"))["wrong"] == []

    run(test())


def test_a_pad_works_on_in_a_forked_child(tmp_path: Path) -> None:
    async def test() -> None:
        async with probing(tmp_path, "after_fork") as play:
            assert (await play.game.event("fork"))["code"] == 0

    run(test())


def test_a_game_that_sleeps_gets_the_newest_state_and_not_all_it_slept_through(tmp_path: Path) -> None:
    """Then the pad goes, and reading and writing say so without a signal; times are of the clock it asked for."""

    async def test() -> None:
        async with probing(tmp_path, "follow") as play:
            await play.game.event("asleep")
            for step in range(2_000):
                play.pads.set(0, 0, (step, -step, 0, 0), (0, 255))
            play.pads.set(0, A_HELD, (31000, -31000, 0, 0), (0, 255))
            play.game.go_on()
            assert abs((await play.game.event("stamp"))["seconds"] - time.monotonic()) < 60
            awake = await play.game.event("awake")
            assert awake["count"] < 200
            assert (awake["held"], awake["x"]) == ([xbox.KEYS[0]], 31000)
            play.pads.unplug(0)
            gone = await play.game.event("gone")
            assert (gone["read"], gone["write"]) == ("ENODEV", "ENODEV")

    run(test())


def test_a_wave_with_gain_shakes_both_motors_until_it_is_removed(tmp_path: Path) -> None:
    async def test() -> None:
        async with probing(tmp_path, "shake") as play:
            line = await play.game.event("playing")
            assert (line["number"], line["unknown"]) == (0, "EINVAL")
            assert await play.shake() == (0, 0x1000, 0x1000, 500)
            play.game.go_on()
            await play.game.event("removed")
            assert await play.shake() == (0, 0, 0, 0)

    run(test())


def test_the_old_joystick_interface_begins_with_the_present_state(tmp_path: Path) -> None:
    async def test() -> None:
        async with probing(tmp_path, "js") as play:
            line = await play.game.event("js")
            assert (line["name"], line["axes"], line["buttons"]) == (xbox.NAME, 8, 11)
            assert line["keys"] == list(xbox.KEYS)
            buttons = [[int(number == 0), 0x81, number] for number in range(11)]
            axes = [32767, -32767, -32767, 0, 0, 32767, 0, 0]
            assert line["first"] == buttons + [[value, 0x82, number] for number, value in enumerate(axes)]
            play.pads.set(0, A_HELD, (32767, -32767, 0, 16000), (0, 255))
            assert (await play.game.event("next"))["row"] == [16000, 0x02, 4]

    run(test())


def test_nothing_is_left_when_the_session_ends(tmp_path: Path) -> None:
    async def test() -> None:
        async with probing(tmp_path, "shake") as play:
            await play.game.event("playing")

    run(test())
    assert list(tmp_path.iterdir()) == []
