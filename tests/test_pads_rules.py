"""The pure parts of the gamepads: states, records, motors, the kernel's numbers; and how a way is chosen."""

import asyncio
import logging
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenku.base.errors import MachineError
from tenku.play.pads import NoPads, ShimPads, UinputPads, choose_pads, evdev, uinput, wire, xbox
from tenku.play.pads.rumble import STILL, Motors, Shake
from tenku.play.pads.xbox import PadState, changes, event_records, js_records, state_of


def ignore(*shake: int) -> None:
    """Nobody feels it."""


SOURCES = Path(uinput.__file__).parent

sticks = st.integers(-32767, 32767)
pulls = st.integers(0, 255)
states = st.builds(
    state_of,
    st.integers(0, 2**17 - 1),
    st.tuples(sticks, sticks, sticks, sticks),
    st.tuples(pulls, pulls),
)


@given(states, states)
def test_the_records_of_a_change_make_the_new_state_of_the_old_one(before: PadState, after: PadState) -> None:
    keys, axes = before.keys, list(before.axes)
    for change in changes(before, after):
        if change.type == evdev.EV_KEY:
            keys = keys & ~(1 << change.index) | change.value << change.index
        else:
            axes[change.index] = change.value
    assert PadState(keys, tuple(axes)) == after


@given(states, states, st.integers(0, 2**62))
def test_records_are_whole_and_end_with_one_report(before: PadState, after: PadState, now_ns: int) -> None:
    records = list(evdev.EVENT.iter_unpack(event_records(before, after, now_ns=now_ns)))
    assert bool(records) == (before != after)
    reports = [row[2:] == (evdev.EV_SYN, evdev.SYN_REPORT, 0) for row in records]
    assert reports == [False] * (len(records) - 1) + [True] * bool(records)
    assert all(row[0] * 1_000_000 + row[1] == now_ns // 1000 for row in records)
    assert len(js_records(before, after, now_ns=now_ns)) == 8 * max(len(records) - 1, 0)


@given(states)
def test_every_axis_stays_in_its_bounds(state: PadState) -> None:
    for axis, value in zip(xbox.AXES, state.axes, strict=True):
        assert axis.low <= value <= axis.high


@given(st.binary(max_size=2000), st.lists(st.integers(1, 100), min_size=1))
def test_nonsense_from_a_game_is_read_in_any_pieces_and_never_kept(data: bytes, pieces: list[int]) -> None:
    """A garbled stream gives the same last word however it is cut, and leaves less than one record behind."""
    requests, whole = wire.Requests(Motors()), wire.Requests(Motors())
    last, at, turn = None, 0, 0
    while at < len(data):
        size = pieces[turn % len(pieces)]
        last = requests.take(data[at : at + size]) or last
        at, turn = at + size, turn + 1
    assert last == whole.take(data)
    assert requests == whole
    assert len(requests._rest) < evdev.EVENT.size + evdev.EFFECT.size
    assert len(requests.motors.effects) <= xbox.EFFECT_SLOTS


def effect(strong: int, weak: int, length: int, *, number: int = 0) -> bytes:
    return evdev.EFFECT.pack(evdev.FF_RUMBLE, number, 0, 0, 0, length, 0, evdev.RUMBLE.pack(strong, weak))


def test_an_effect_plays_its_length_so_many_times() -> None:
    motors = Motors()
    assert motors.upload(3, effect(1000, 2000, 250)) is None
    assert motors.play(3, 4) == Shake(1000, 2000, 1000)
    assert motors.play(3, 0) == STILL
    assert motors.play(3, 0) is None


def test_an_effect_that_changes_while_it_plays_is_felt_at_once() -> None:
    motors = Motors()
    motors.upload(0, effect(1000, 0, 100))
    motors.play(0, 1)
    assert motors.upload(0, effect(0, 500, 100)) == Shake(0, 500, 100)
    assert motors.upload(0, effect(0, 0, 100)) == STILL


def test_an_effect_without_length_lasts_as_long_as_can_be_said() -> None:
    motors = Motors()
    motors.upload(0, effect(1, 1, 0))
    assert motors.play(0, 1) == Shake(1, 1, 0xFFFF)


def test_stopping_an_older_effect_does_not_stop_the_newer() -> None:
    motors = Motors()
    for number in (0, 1):
        motors.upload(number, effect(100 + number, 0, 50))
        motors.play(number, 1)
    assert motors.play(0, 0) is None
    assert motors.erase(0) is None
    assert motors.leave() == STILL


def test_a_burst_of_rumble_is_felt_once() -> None:
    requests = wire.Requests(Motors())
    upload = evdev.EVENT.pack(0, 0, wire.UPLOAD, 0, 0) + effect(9, 9, 9)
    play = [evdev.EVENT.pack(0, 0, evdev.EV_FF, 0, times % 2) for times in range(1001)]
    assert requests.take(upload + b"".join(play)) == STILL


HEADERS = r"""
#include <linux/uinput.h>
#include <linux/joystick.h>
#include <stdio.h>
#define SAY(name) printf(#name " %lu\n", (unsigned long)(name))
int main(void) {
    SAY(sizeof(struct input_event)); SAY(sizeof(struct js_event)); SAY(sizeof(struct ff_effect));
    SAY(sizeof(struct input_absinfo)); SAY(sizeof(struct uinput_setup)); SAY(sizeof(struct uinput_abs_setup));
    SAY(sizeof(struct uinput_ff_upload)); SAY(sizeof(struct uinput_ff_erase));
    %s
}
"""
STRUCTS = {
    "sizeof(struct input_event)": evdev.EVENT,
    "sizeof(struct js_event)": evdev.JS_EVENT,
    "sizeof(struct ff_effect)": evdev.EFFECT,
    "sizeof(struct input_absinfo)": evdev.ABSINFO,
    "sizeof(struct uinput_setup)": evdev.SETUP,
    "sizeof(struct uinput_abs_setup)": evdev.ABS_SETUP,
    "sizeof(struct uinput_ff_upload)": evdev.FF_UPLOAD,
    "sizeof(struct uinput_ff_erase)": evdev.FF_ERASE,
}
needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="cc is missing")


@needs_compiler
def test_numbers_and_sizes_are_those_of_the_kernels_headers(tmp_path: Path) -> None:
    names = {name: value for name, value in vars(evdev).items() if name.isupper() and isinstance(value, int)}
    source = tmp_path / "say.c"
    source.write_text(HEADERS.replace("%s", " ".join(f"SAY({name});" for name in names)))
    subprocess.run(["cc", "-o", tmp_path / "say", source], check=True)
    said = subprocess.run([tmp_path / "say"], capture_output=True, text=True, check=True).stdout
    header = {name: int(value) for name, value in (line.rsplit(" ", 1) for line in said.splitlines())}
    assert header == names | {name: shape.size for name, shape in STRUCTS.items()}


@needs_compiler
def test_the_library_compiles_without_a_warning_whatever_the_distribution_sets(tmp_path: Path) -> None:
    for more in ([], ["-D_FORTIFY_SOURCE=2", "-D_FILE_OFFSET_BITS=64"]):
        flags = ["-O2", "-fPIC", "-shared", "-std=gnu11", "-Wall", "-Wextra", "-Werror", *more]
        files = [SOURCES / "shim.c", SOURCES / "device.c"]
        subprocess.run(["cc", *flags, "-o", tmp_path / "library.so", *files, "-ldl"], check=True)


def test_uinput_is_told_of_every_key_axis_and_effect() -> None:
    """Not run against a kernel here; this is what it would be told."""
    calls = uinput.description(2)
    assert {argument for request, argument in calls if request == evdev.UI_SET_KEYBIT} == set(xbox.KEYS)
    assert {argument for request, argument in calls if request == evdev.UI_SET_FFBIT} == set(xbox.EFFECTS)
    setups = [argument for request, argument in calls if request == evdev.UI_ABS_SETUP]
    assert [struct.unpack("=H2x6i", setup) for setup in setups if isinstance(setup, bytes)] == [
        (axis.code, 0, axis.low, axis.high, 0, axis.flat, 0) for axis in xbox.AXES
    ]
    last = calls[-1]
    assert last[0] == evdev.UI_DEV_SETUP
    assert isinstance(last[1], bytes)
    assert struct.unpack("=4H80sI", last[1]) == (3, 0x045E, 0x028E, 0x0110, xbox.NAME.encode().ljust(80, b"\0"), 16)


def test_uinput_is_chosen_where_games_may_open_what_it_makes_and_the_library_elsewhere(tmp_path: Path) -> None:
    device, library, rule, none = (tmp_path / name for name in ("uinput", "library.so", "rule", "none"))
    for there in (device, library, rule):
        there.touch()
    assert isinstance(choose_pads(tmp_path, uinput=device, rules=[rule], library=library), UinputPads)
    assert isinstance(choose_pads(tmp_path, uinput=device, rules=[none], library=library), ShimPads)
    assert isinstance(choose_pads(tmp_path, uinput=none, rules=[rule], library=library), ShimPads)
    assert isinstance(choose_pads(tmp_path, uinput=device, rules=[none], library=none), UinputPads)


def test_without_uinput_and_library_there_are_no_pads_and_the_reason_is_said(tmp_path: Path) -> None:
    pads = choose_pads(tmp_path, uinput=tmp_path / "none", rules=[], library=tmp_path / "none")
    assert isinstance(pads, NoPads)
    assert "install gcc" in pads.trouble()


def test_the_example_rule_is_the_one_that_is_looked_for() -> None:
    example = Path(__file__).parent.parent / "examples" / "pads" / uinput.RULES[0].name
    assert f'ATTRS{{phys}}=="{uinput.PHYS}*"' in example.read_text()


def test_a_uinput_that_makes_no_device_is_told_and_harms_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        pads = UinputPads(uinput=tmp_path / "uinput")
        await pads.start(ignore)
        pads.plug(1, "pad")
        pads.set(1, 1, (0, 0, 0, 0), (0, 0))
        assert "Gamepad 2" in pads.trouble()
        await pads.close()

    (tmp_path / "uinput").touch()
    with caplog.at_level(logging.WARNING):
        asyncio.run(test())
    assert "Gamepad 2" in caplog.text


def test_what_a_game_put_in_a_pads_place_is_told_and_harms_nothing(tmp_path: Path) -> None:
    """Where the game runs as the same user it can write into its /dev/input."""

    async def test() -> None:
        pads = ShimPads(tmp_path)
        await pads.start(ignore)
        Path(pads.environment()["TENKU_PADS"], "event0").mkdir()  # noqa: ASYNC240 - nothing else runs
        pads.plug(0, "pad")
        pads.set(0, 1, (0, 0, 0, 0), (0, 0))
        assert "Gamepad 1" in pads.trouble()
        await pads.close()

    asyncio.run(test())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_too_long_a_path_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="too long a path"):
        asyncio.run(ShimPads(tmp_path / ("x" * 100)).start(ignore))
