"""Limits hold, and who breaks them is told which one it was."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tenku.unit.abilities import Abilities, held, probe, unheld
from tenku.unit.cgroups import Place
from tenku.unit.group import Group, sweep_groups, usable_places
from tenku.unit.remedy import limit_lacks
from tenku.unit.spec import NO_LIMITS, Limits
from trees import Ground, until

ABILITIES = probe()
HELD = held(ABILITIES.places)
MIB = 1 << 20
every_game = pytest.mark.parametrize("kind", [{}, {"sandbox": False}], ids=["sandbox", "open"])


def needs(controller: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        controller not in HELD, reason=f"no group with the controller {controller} can be made on this machine"
    )


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(ABILITIES, tmp_path)


def tracks(places: tuple[Place, ...]) -> list[Path]:
    return [path for place in places for path in place.folder.glob(f"tenku-{os.getpid()}-*")]


FORKS = "my $n = 0; for (1..200) { my $p = fork; last unless defined $p; if (!$p) { sleep 1000 } $n++ } print $n"


@needs("pids")
@every_game
def test_a_fork_bomb_stops_at_the_limit(ground: Ground, kind: dict[str, Any]) -> None:
    end = ground.run("perl", "-e", FORKS, limits=Limits(processes=20), **kind)
    assert end.lines == ("19",)  # and the program itself
    assert ground.run("perl", "-e", FORKS, **kind).lines == ("200",)


HOG = "my $x = 'a' x (200 << 20); print length $x"


@needs("memory")
@every_game
def test_a_memory_hog_is_ended_and_named(ground: Ground, kind: dict[str, Any]) -> None:
    end = ground.run("perl", "-e", HOG, limits=Limits(memory=64 * MIB), **kind)
    assert end.signal == "SIGKILL"
    assert end.reason == "game used more than its 64 MiB of memory and was ended."
    assert ground.run("perl", "-e", HOG, limits=Limits(memory=1024 * MIB), **kind).lines == (str(200 << 20),)


@needs("memory")
def test_files_in_tmp_count_as_memory(ground: Ground) -> None:
    end = ground.shell("head -c 200000000 /dev/zero > /tmp/big", limits=Limits(memory=64 * MIB))
    assert end.code != 0
    assert "64 MiB" in end.reason


@needs("cpu")
def test_the_processor_time_is_metered(ground: Ground) -> None:
    """Read from the kernel's own count of how often the game had to wait, not from a clock."""
    folder = next(place.folder for place in ABILITIES.places if "cpu" in place.controllers)

    def throttled() -> int:
        stat = next(folder.glob(f"tenku-{os.getpid()}-*")) / "cpu.stat"
        return int(dict(line.split() for line in stat.read_text().splitlines())["nr_throttled"])

    async def whole() -> None:
        process = ground.process("/bin/sh", "-c", "while :; do :; done", limits=Limits(cpu=0.1))
        await process.start()
        try:
            await until(lambda: throttled() > 2, "the game is held back")
        finally:
            await process.stop(0)

    asyncio.run(whole())


@needs("pids")
@every_game
def test_groups_are_removed_with_the_game(ground: Ground, kind: dict[str, Any]) -> None:
    ground.shell("sleep 1000 &", limits=Limits(cpu=1, memory=64 * MIB, processes=20), **kind)
    assert tracks(ABILITIES.places) == []


@needs("pids")
def test_groups_of_a_killed_tenku_are_swept() -> None:
    place = next(place for place in ABILITIES.places if "pids" in place.controllers)
    dead, young, mine = (
        place.folder / "tenku-4194999-test",
        place.folder / "tenku-4194998-test",
        place.folder / f"tenku-{os.getpid()}-test",
    )
    assert not Path("/proc/4194999").exists()
    for folder in (dead, young, mine):
        folder.mkdir()
    for folder in (dead, mine):
        os.utime(folder, (0, 0))
    try:
        sweep_groups(ABILITIES.places)
        assert not dead.exists()
        assert young.exists()
        assert mine.exists()
    finally:
        young.rmdir()
        mine.rmdir()


def test_a_group_without_limits_makes_no_folder(tmp_path: Path) -> None:
    group = Group(NO_LIMITS, [Place(version=2, folder=tmp_path, controllers=frozenset({"cpu"}))])
    group.make()
    group.remove()
    assert list(tmp_path.iterdir()) == []


def without_groups(ground: Ground) -> Ground:
    bare = Abilities(bwrap=ABILITIES.bwrap, walls=ABILITIES.walls, seccomp=ABILITIES.seccomp, places=(), lacks=())
    other = object.__new__(Ground)
    other.__dict__.update(ground.__dict__, abilities=bare)
    return other


def test_without_control_groups_each_process_is_held_by_itself(ground: Ground) -> None:
    bare = without_groups(ground)
    end = bare.run("perl", "-e", HOG, limits=Limits(memory=64 * MIB))
    assert "Out of memory" in "".join(end.lines)
    end = bare.run("perl", "-e", HOG, limits=Limits(memory=64 * MIB), sandbox=False)
    assert "Out of memory" in "".join(end.lines)


def test_without_control_groups_the_users_processes_are_counted(ground: Ground) -> None:
    """Other games of the same user count too, so the user here is one of its own."""
    more: dict[str, Any] = {"user": 61843} if os.geteuid() == 0 else {}
    end = without_groups(ground).run("perl", "-e", FORKS, limits=Limits(processes=20), **more)
    assert int(end.lines[0]) < 20


def test_what_no_group_holds_is_left_to_process_limits_and_said() -> None:
    limits = Limits(cpu=1, memory=64 * MIB, processes=9)
    assert unheld(limits, []) == Limits(memory=64 * MIB, processes=9)
    assert unheld(limits, [Place(version=2, folder=Path("/g"), controllers=frozenset({"memory"}))]) == Limits(
        processes=9
    )
    assert len(limit_lacks(frozenset())) == 3
    assert limit_lacks(frozenset({"cpu", "memory", "pids"})) == []


def test_probing_places_leaves_none_behind() -> None:
    usable_places()
    assert tracks(ABILITIES.places) == []
