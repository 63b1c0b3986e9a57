"""Who holds which device: what is promised is never more than there is, and the dead hold nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenku.accel.claim import claim_path, claimed
from tenku.accel.claimants import WHO
from tenku.accel.devices import Device, again, processor
from tenku.accel.drivers import VENDORS
from tenku.accel.encoderdevice import encoder_device
from tenku.accel.lease import ALL, Lease, Stage, device_name, read, room, room_behind, sentence, written
from tenku.accel.leases import TURN, Leases
from tenku.base.errors import MachineError, TakenError
from tenku.play.display import Encoder
from tenku.play.encoding import encoder_bytes, encoding
from tenku.play.model import Size

GB = 10**9
CHIP = Device("sim", 0, "a simulated chip", memory=24 * GB, free=24 * GB)
LEASES = st.lists(
    st.builds(
        Lease,
        who=st.just("somebody"),
        pid=st.just(1),
        kind=st.just("sim"),
        index=st.just(0),
        bytes=st.integers(0, 100),
        since=st.integers(0, 9).map(float),
        stage=st.sampled_from(Stage),
        name=st.uuids().map(str),
    ),
    max_size=8,
)


def held(leases: list[Lease], *stages: Stage) -> int:
    return sum(each.bytes for each in leases if each.stage in stages)


@given(LEASES, st.integers(0, 300), st.integers(0, 300))
def test_no_more_is_promised_than_there_is_and_than_is_free(leases: list[Lease], memory: int, free: int) -> None:
    left = room(leases, memory=memory, free=free)
    promised, coming = held(leases, Stage.LOADING, Stage.IN_USE), held(leases, Stage.LOADING)
    assert left >= 0
    if left:
        assert promised + left <= memory
        assert coming + left <= free
        assert left == memory - promised or left == free - coming  # and not less than that, either
    else:
        assert promised >= memory or coming >= free


@given(LEASES, st.integers(0, 300), st.integers(0, 300), st.integers(0, 9))
def test_who_waited_longer_goes_first_if_it_fits(leases: list[Lease], memory: int, free: int, since: int) -> None:
    whole = room(leases, memory=memory, free=free)
    left = room_behind(leases, since=since, memory=memory, free=free)
    older = sorted(
        (each for each in leases if each.stage is Stage.WAITING and each.since < since),
        key=lambda each: (each.since, each.name),
    )
    assert 0 <= left <= whole
    if older and older[0].bytes <= whole:
        assert left <= whole - older[0].bytes
    if all(each.bytes > whole for each in older):  # a large one does not shut small ones out
        assert left == whole


@given(LEASES)
def test_a_lease_is_read_as_it_was_written(leases: list[Lease]) -> None:
    for each in leases:
        assert read(written(each), name=each.name) == each


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'{"who":"a"}', b'{"stage":"sleeping"}', b"\xff"])
def test_what_is_no_lease_is_none(text: bytes) -> None:
    assert read(text, name="lease-1.json") is None


def test_numbers_that_are_none_are_refused() -> None:
    text = written(Lease(who="a", pid=1, kind="sim", index=0, bytes=5, since=1.0))
    assert read(text.replace(b'"bytes": 5', b'"bytes": "5"'), name="x") is None
    assert read(text.replace(b'"bytes": 5', b'"bytes": -5'), name="") == Lease(
        who="a", pid=1, kind="sim", index=0, bytes=0, since=1.0
    )


def test_leases_add_up_and_are_given_back(tmp_path: Path) -> None:
    leases = Leases(tmp_path, now=lambda: 1000.0)
    assert leases.holders() == []
    assert list(tmp_path.iterdir()) == [], "looking leaves nothing behind"
    with leases.take(CHIP, 20 * GB, who="studio worker, model qwen-image"):
        [one] = leases.holders()
        assert (one.who, one.pid, one.device, one.bytes) == (
            "studio worker, model qwen-image",
            os.getpid(),
            "sim:0",
            20 * GB,
        )
        assert one.since == 1000.0
        assert leases.room(CHIP) == 4 * GB
        with pytest.raises(TakenError) as caught:
            leases.take(CHIP, 5 * GB, who="another")
        assert str(caught.value) == (
            "sim:0 has no room for 5.0 GB, as 4.0 GB are left: studio worker, model qwen-image "
            f"(process {os.getpid()}) has 20.0 GB."
        )
        assert (caught.value.room, caught.value.waits) == (4 * GB, True)
        with leases.take(CHIP, 4 * GB, who="another"), leases.take(replace(CHIP, index=1), 24 * GB, who="a third"):
            assert sorted(each.device for each in leases.holders()) == ["sim:0", "sim:0", "sim:1"]
    assert leases.holders() == []
    assert [path.name for path in tmp_path.iterdir()] == [TURN]


def test_other_programs_count_by_what_the_device_says(tmp_path: Path) -> None:
    leases, busy = Leases(tmp_path), replace(CHIP, free=10 * GB)
    with pytest.raises(TakenError, match=r"as 10\.0 GB are left: other programs use the rest\.") as caught:
        leases.take(busy, 11 * GB, who="one")
    assert not caught.value.waits
    with leases.take(busy, 6 * GB, who="one") as one:
        # Its 6 GB are still among those that the device counts as free.
        assert leases.room(busy) == 4 * GB
        one.in_use()
        assert leases.room(replace(CHIP, free=4 * GB)) == 4 * GB


def test_a_bound_that_somebody_set_counts(tmp_path: Path) -> None:
    leases = Leases(tmp_path)
    with leases.take(CHIP, 3 * GB, who="one", most=4 * GB), pytest.raises(TakenError, match=r"1\.0 GB are left"):
        leases.take(CHIP, 2 * GB, who="other", most=4 * GB)


def test_a_lease_grows_and_shrinks_as_there_is_room(tmp_path: Path) -> None:
    leases = Leases(tmp_path)
    with leases.take(CHIP, 10 * GB, who="one") as one, leases.take(CHIP, 10 * GB, who="other"):
        with pytest.raises(TakenError):
            one.grow(5 * GB, CHIP)
        assert one.lease.bytes == 10 * GB
        one.grow(4 * GB, CHIP)
        assert leases.room(CHIP) == 0
        one.shrink(13 * GB)
        assert sorted(each.bytes for each in leases.holders()) == [GB, 10 * GB]
        one.shrink(5 * GB)
        assert one.lease.bytes == 0


def test_who_must_not_wait_takes_it_anyway_and_everybody_sees_it(tmp_path: Path) -> None:
    leases = Leases(tmp_path)
    with leases.take(CHIP, 24 * GB, who="one"), leases.take(CHIP, GB, who="the encoder", anyway=True):
        assert sum(each.bytes for each in leases.holders()) == 25 * GB
        assert leases.room(CHIP) == 0


def test_a_wish_goes_before_who_comes_later_and_ends_with_its_lease(tmp_path: Path) -> None:
    times = iter(range(1000))
    leases = Leases(tmp_path, now=lambda: float(next(times)))
    first = leases.take(CHIP, 20 * GB, who="first")
    wish = leases.wish(CHIP, 20 * GB, who="second")
    assert [each.who for each in leases.waiting()] == ["second"]
    assert leases.waiting(but=[wish]) == []
    assert [each.who for each in leases.holders()] == ["first"], "who waits holds nothing"
    assert not leases.has_room(CHIP, wish.lease)
    leases.take(CHIP, 3 * GB, who="small").close()  # beside the first, where the second has no room yet
    first.close()
    assert leases.has_room(CHIP, wish.lease)
    with pytest.raises(TakenError, match=r"second \(process \d+\) waits for 20\.0 GB"):
        leases.take(CHIP, 20 * GB, who="first")
    with leases.take(CHIP, 20 * GB, who="second", instead=[wish]):
        wish.close()
        assert [each.who for each in leases.holders()] == ["second"]


def test_a_wish_that_nobody_stands_in_the_way_of_is_not_waited_for(tmp_path: Path) -> None:
    """Programs without a lease never tell us that they end."""
    leases = Leases(tmp_path)
    with leases.wish(CHIP, 20 * GB, who="one") as wish:
        assert leases.has_room(replace(CHIP, free=GB), wish.lease)


def test_a_folder_that_takes_nothing_is_named(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(MachineError, match=rf"{gone}/{TURN} cannot be written: No such file or directory\."):
        Leases(gone).take(CHIP, GB, who="one")
    assert Leases(gone).holders() == []
    assert Leases(gone).waiting() == []


def test_strange_files_are_no_leases(tmp_path: Path) -> None:
    leases = Leases(tmp_path)
    (tmp_path / "lease-loop.json").symlink_to(tmp_path / "lease-loop.json")
    (tmp_path / "lease-folder.json").mkdir()
    (tmp_path / "lease-dead.json").write_text("not ours")
    with leases.take(CHIP, GB, who="one"):
        assert [each.who for each in leases.holders()] == ["one"]
    assert not (tmp_path / "lease-dead.json").exists()


HOLDER = """
import os, sys, time
from pathlib import Path
from tenku.accel.devices import Device
from tenku.accel.leases import Leases
from tenku.base.errors import TakenError
folder, size = Path(sys.argv[1]), int(sys.argv[2])
chip = Device("sim", 0, "a simulated chip", memory=24 * 10**9, free=24 * 10**9)
"""
HOLD = HOLDER + "held = Leases(folder).take(chip, size, who='a child')\nprint('here', flush=True)\ntime.sleep(1000)"
RUSH = (
    HOLDER
    + """
print('ready', flush=True)
sys.stdin.readline()
got = 0
for turn in range(40):
    try:
        with Leases(folder).take(chip, size, who=f'child {os.getpid()}'):
            total = sum(each.bytes for each in Leases(folder).holders())
            assert total <= chip.memory, total
            got += 1
    except TakenError:
        pass
print(got, flush=True)
"""
)


@contextmanager
def child(program: str, *arguments: object) -> "Iterator[subprocess.Popen[str]]":
    """A process that runs until the block ends, and has said a line."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline()
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    leases = Leases(tmp_path)
    with child(HOLD, tmp_path, 20 * GB) as other:
        [seen] = leases.holders()
        assert (seen.pid, seen.who, seen.bytes) == (other.pid, "a child", 20 * GB)
        with pytest.raises(TakenError, match=f"a child \\(process {other.pid}\\) has 20.0 GB"):
            leases.take(CHIP, 20 * GB, who="us")
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert len(list(tmp_path.glob("lease-*"))) == 1, "nobody was there to remove it"
        with leases.take(CHIP, 20 * GB, who="us"):
            assert [each.who for each in leases.holders()] == ["us"]
            assert len(list(tmp_path.glob("lease-*"))) == 1, "it was removed by who saw it first"


def test_many_processes_at_once_never_have_more_than_there_is(tmp_path: Path) -> None:
    """Four take 10 GB of 24 again and again; one of them is killed in the middle of it."""
    with ExitStack() as stack:
        children = [stack.enter_context(child(RUSH, tmp_path, 10 * GB)) for _ in range(4)]
        for each in children:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        victim, *others = children
        victim.kill()
        got = []
        for each in others:
            assert each.stdout is not None
            got.append(int(each.stdout.readline()))  # a child that saw too much would have ended without a number
    assert sum(got) > 0
    assert Leases(tmp_path).holders() == []
    assert list(tmp_path.glob("lease-*")) == []


@pytest.mark.parametrize("told", [True, False])
def test_who_plays_is_a_holder_of_every_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: bool) -> None:
    if not told:  # a kernel that shows no locks, or those of other processes' names alone
        monkeypatch.setattr("tenku.accel.claimants.LOCKS", tmp_path / "nothing")
    leases = Leases(tmp_path)
    with claimed(claim_path(tmp_path)):
        [player] = leases.holders()
        assert (player.who, player.device, player.bytes) == (WHO, ALL, 0)
        assert player.pid in (os.getpid(), 0)
        assert leases.room(CHIP) == CHIP.memory
    assert leases.holders() == []


def test_who_plays_since_when_is_known_where_the_kernel_tells(tmp_path: Path) -> None:
    with claimed(claim_path(tmp_path)):
        [player] = Leases(tmp_path).holders()
    if player.pid:
        assert 0 < player.since < tmp_path.stat().st_mtime + 60


def test_words_for_devices_and_sizes() -> None:
    assert (device_name("cpu", 0), device_name("sim", 3), device_name(ALL, 0)) == ("cpu", "sim:3", ALL)
    assert "no room for 0.020 GB" in sentence([], device="cpu", need=2 * 10**7, left=0)


def test_a_device_is_looked_at_again() -> None:
    assert again(CHIP) is CHIP, "torch does not show it"
    assert again(processor()).memory == processor().memory


NVIDIA, OTHER = VENDORS[0], VENDORS[2]
GPU = Encoder("nvenc", hardware=True, reason="a test says so")


def test_an_encoder_is_part_of_its_vendors_device() -> None:
    assert encoder_device("nvenc", []) is None
    assert encoder_device("nvenc", [OTHER]) is None
    for encoder, vendor in (("nvenc", NVIDIA), ("vaapi", OTHER)):
        found = encoder_device(encoder, [NVIDIA, OTHER])
        assert found is not None
        assert (found.kind, found.index) == (vendor.kind, 0)


def test_a_session_holds_what_its_encoder_takes_and_players_never_wait(tmp_path: Path) -> None:
    leases, size = Leases(tmp_path), Size(1920, 1080)
    chip = Device(NVIDIA.kind, 0, "a GPU", memory=24 * GB, free=24 * GB)
    with leases.take(chip, 24 * GB, who="studio worker, model large"):
        with encoding(leases, GPU, game="OpenTTD", size=size, vendors=[NVIDIA]):
            [lease] = [each for each in leases.holders() if each.who == "play session OpenTTD"]
            assert lease.device == device_name(NVIDIA.kind, 0)
            assert 0 < lease.bytes == encoder_bytes(size) < GB
        assert len(leases.holders()) == 1
        by_processor = replace(GPU, hardware=False)
        for encoder, vendors in ((by_processor, [NVIDIA]), (None, [NVIDIA]), (GPU, [])):
            with encoding(leases, encoder, game="OpenTTD", size=size, vendors=vendors):
                assert len(leases.holders()) == 1
    with encoding(Leases(tmp_path / "gone"), GPU, game="OpenTTD", size=size, vendors=[NVIDIA]):
        pass  # a folder that cannot be written keeps nobody from playing
