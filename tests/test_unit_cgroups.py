"""Where limits are written, for machines of every kind."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenku.unit.cgroups import Place, Write, oom_kills, places, writes
from tenku.unit.spec import Limits
from test_unit_spec import LIMITS

MODERN = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
OLD = """\
24 1 8:1 / / rw - ext4 /dev/sda1 rw
31 24 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:7 - cgroup cgroup rw,cpu,cpuacct
32 24 0:29 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
33 24 0:30 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
34 24 0:31 / /sys/fs/cgroup/devices rw,relatime - cgroup cgroup rw,devices
35 24 0:32 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
"""
OLD_OWN = "9:name=systemd:/s\n4:memory:/jobs/7\n3:pids:/\n2:cpu,cpuacct:/jobs/7\n0::/s\n"


def place(version: int, folder: str, *controllers: str) -> Place:
    return Place(version=version, folder=Path(folder), controllers=frozenset(controllers))


def test_a_modern_machine_has_one_place_below_our_own_group() -> None:
    found = places(MODERN, "0::/user.slice/user-1000.slice/user@1000.service/app.slice/tenku.scope\n")
    assert found == [place(2, "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/tenku.scope")]


def test_an_old_machine_has_a_place_for_every_hierarchy() -> None:
    assert places(OLD, OLD_OWN) == [
        place(1, "/sys/fs/cgroup/cpu,cpuacct/jobs/7", "cpu"),
        place(1, "/sys/fs/cgroup/memory/jobs/7", "memory"),
        place(1, "/sys/fs/cgroup/pids", "pids"),
    ]


def test_a_container_sees_its_part_of_the_tree_as_the_whole() -> None:
    mounted = "32 24 0:29 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
    assert places(mounted, "4:memory:/docker/abc/x\n") == [place(1, "/sys/fs/cgroup/memory/x", "memory")]
    assert places(mounted, "4:memory:/elsewhere\n") == [place(1, "/sys/fs/cgroup/memory", "memory")]


def test_a_mount_point_with_a_space_is_found() -> None:
    mounted = "32 24 0:29 / /sys/my\\040groups rw - cgroup cgroup rw,pids\n"
    assert places(mounted, "") == [place(1, "/sys/my groups", "pids")]


def test_a_machine_without_control_groups_has_no_place() -> None:
    assert places("24 1 8:1 / / rw - ext4 /dev/sda1 rw\n", "") == []


ALL = Limits(cpu=1.5, memory=1 << 30, processes=64)


def test_what_is_written_in_v2() -> None:
    assert writes(ALL, place(2, "/g", "cpu", "memory", "pids"), extra_processes=1) == [
        Write(file="cpu.max", text="150000 100000"),
        Write(file="memory.max", text="1073741824"),
        Write(file="memory.swap.max", text="0", optional=True),
        Write(file="memory.oom.group", text="1", optional=True),
        Write(file="pids.max", text="65"),
    ]


def test_what_is_written_in_v1() -> None:
    assert writes(ALL, place(1, "/g", "cpu", "memory", "pids")) == [
        Write(file="cpu.cfs_period_us", text="100000"),
        Write(file="cpu.cfs_quota_us", text="150000"),
        Write(file="memory.limit_in_bytes", text="1073741824"),
        Write(file="memory.memsw.limit_in_bytes", text="1073741824", optional=True),
        Write(file="pids.max", text="64"),
    ]


@given(LIMITS, st.sampled_from([1, 2]), st.sets(st.sampled_from(["cpu", "memory", "pids"])))
def test_only_what_was_asked_for_and_can_hold_is_written(limits: Limits, version: int, controllers: set[str]) -> None:
    rows = writes(limits, place(version, "/g", *controllers))
    asked = {"cpu": limits.cpu, "memory": limits.memory, "pids": limits.processes}
    wanted = {name for name, value in asked.items() if value is not None and name in controllers}
    assert {row.file.partition(".")[0] for row in rows} == wanted
    assert all(row.text and "\n" not in row.text for row in rows)


@pytest.mark.parametrize(
    ("text", "kills"),
    [
        ("low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 0\n", 2),
        ("oom_kill_disable 0\nunder_oom 0\noom_kill 4\n", 4),
        ("oom_kill_disable 0\nunder_oom 0\n", 0),
        ("", 0),
    ],
)
def test_kills_for_memory_are_counted(text: str, kills: int) -> None:
    assert oom_kills(text) == kills
